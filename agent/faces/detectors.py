"""Opens the detector that the settings name."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import cv2

from agent import downloads
from agent.faces.blazeface import BlazeFace
from agent.faces.detector import FaceDetector
from agent.faces.haar import Haar
from agent.faces.region import RegionDetector
from agent.faces.yunet import YuNet
from agent.faces.yunet_tflite import YuNetTflite
from agent.settings import FacesSettings

YUNET_TFLITE: Final = "face_detection_yunet.tflite"
"""What `emotion-convert yunet` writes into the data folder."""

NEAR_WEIGHTS: Final = "blazeface-short-range"
"""The download that follows known faces."""

logger = logging.getLogger(__name__)


def open_detector(settings: FacesSettings, threads: int = 1) -> FaceDetector:
    """The detector that `faces.detector` names, ready to run.

    `threads` also sets how many OpenCV may use, in the whole process. Raises `ModelError` where
    its weights are missing or damaged, with the command that fetches them.
    """
    cv2.setNumThreads(threads)
    if settings.detector == "yunet":
        return _open_yunet(settings, threads)
    if settings.detector == "haar":
        return Haar(settings.min_score, settings.detect_side)
    weights = downloads.require(f"blazeface-{settings.blazeface_model}")
    return BlazeFace(weights, settings.blazeface_model, settings.min_score, threads)


def open_near(settings: FacesSettings, threads: int = 1) -> RegionDetector | None:
    """What finds the faces again that this detector has found; None where nothing does.

    BlazeFace's networks give alike boxes; those of other detectors are of another shape.
    """
    if settings.detect_every != "auto" or settings.detector != "blazeface":
        return None
    weights = downloads.find(NEAR_WEIGHTS)
    if weights is None:
        logger.info("faces: no %s, so that more is searched; pull it", NEAR_WEIGHTS)
        return None
    small = BlazeFace(weights, "short-range", threads=threads)
    return RegionDetector(small, glances=settings.blazeface_model != "short-range")


def _open_yunet(settings: FacesSettings, threads: int) -> FaceDetector:
    """The file that is set; else the TFLite file where there is one; else the ONNX file."""
    chosen = settings.yunet_model
    weights = Path(chosen).expanduser() if chosen else _converted_yunet()
    if weights is None:
        weights = downloads.require("yunet")
    logger.info("faces: YuNet from %s", weights)
    if weights.suffix == ".tflite":
        return YuNetTflite(weights, settings.min_score, threads)
    return YuNet(weights, settings.min_score, settings.detect_side)


def _converted_yunet() -> Path | None:
    there = (folder / YUNET_TFLITE for folder in downloads.search_folders())
    return next((path for path in there if path.is_file()), None)
