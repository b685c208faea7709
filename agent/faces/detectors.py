"""Opens the detector that the settings name."""

from __future__ import annotations

from pathlib import Path

import cv2

from agent import downloads
from agent.faces.blazeface import BlazeFace
from agent.faces.detector import FaceDetector
from agent.faces.haar import Haar
from agent.faces.yunet import YuNet
from agent.settings import FacesSettings


def open_detector(settings: FacesSettings, threads: int = 1) -> FaceDetector:
    """The detector that `faces.detector` names, ready to run.

    `threads` also sets how many OpenCV may use, in the whole process. Raises `ModelError` where
    its weights are missing or damaged, with the command that fetches them.
    """
    cv2.setNumThreads(threads)
    if settings.detector == "yunet":
        chosen = settings.yunet_model
        weights = Path(chosen).expanduser() if chosen else downloads.require("yunet")
        return YuNet(weights, settings.min_score, settings.detect_side)
    if settings.detector == "haar":
        return Haar(settings.min_score, settings.detect_side)
    weights = downloads.require(f"blazeface-{settings.blazeface_model}")
    return BlazeFace(weights, settings.blazeface_model, settings.min_score, threads)
