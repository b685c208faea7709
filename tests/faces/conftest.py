"""The detectors, and pictures and films to show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.faces.detector import FaceDetector
from agent.faces.detectors import open_detector
from agent.settings import FacesSettings
from agent.sources import ffmpeg
from agent.types import Image


@pytest.fixture(scope="session")
def face_detector(
    demo_file: Callable[[str], Path], request: pytest.FixtureRequest
) -> Callable[[str], FaceDetector]:
    """A detector by its name; skips YuNet where its weights are not at hand."""

    def opened(name: str) -> FaceDetector:
        if name == "haar":
            return open_detector(FacesSettings(detector="haar"))
        if name == "yunet-tflite":
            converted = request.getfixturevalue("yunet_tflite")
            return open_detector(FacesSettings(detector="yunet", yunet_model=str(converted)))
        if name == "yunet":
            weights = request.getfixturevalue("yunet_weights")
            return open_detector(FacesSettings(detector="yunet", yunet_model=str(weights)))
        variant = name.removeprefix("blazeface").removeprefix("-") or "back"
        demo_file(f"blazeface-{variant}")
        return open_detector(FacesSettings.model_validate({"blazeface_model": variant}))

    return opened


@pytest.fixture(scope="session")
def astronaut(demo_file: Callable[[str], Path]) -> Image:
    """512 x 512, one smiling face."""
    return read_picture(demo_file("astronaut.png"))


@pytest.fixture(scope="session")
def hopper(demo_file: Callable[[str], Path]) -> Image:
    """512 x 600, one neutral face."""
    return read_picture(demo_file("grace_hopper.jpg"))


@pytest.fixture(scope="session")
def film() -> Callable[[Path], Iterator[tuple[float, Image]]]:
    """Reads a film as pairs of time and picture."""

    def frames(path: Path) -> Iterator[tuple[float, Image]]:
        capture = ffmpeg.open_film(str(path))
        assert capture.isOpened(), path
        rate = capture.get(cv2.CAP_PROP_FPS)
        index = 0
        while True:
            read, image = capture.read()
            if not read:
                return
            yield index / rate, np.asarray(image, np.uint8)
            index += 1

    return frames


def read_picture(path: Path) -> Image:
    image = cv2.imread(str(path))
    assert image is not None, path
    return np.asarray(image, np.uint8)
