from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.errors import ModelError
from agent.faces.blazeface import BlazeFace
from agent.faces.detector import FaceDetector
from agent.types import Box, Face, Image


def turned(image: Image, degrees: float) -> Image:
    """A portrait turned clockwise about the face in it."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((225, 126), -degrees, 1)
    rotated = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(rotated, np.uint8)


def only(faces: list[Face]) -> Face:
    (face,) = faces
    return face


@pytest.mark.parametrize("degrees", [-50, -30, 15, 30, 50])
def test_a_tilted_face_keeps_its_size_and_tells_its_roll(
    face_detector: Callable[[str], FaceDetector], astronaut: Image, degrees: float
) -> None:
    detector = face_detector("blazeface")
    level = only(detector.detect(astronaut))

    face = only(detector.detect(turned(astronaut, degrees)))

    assert face.landmarks is not None
    assert face.landmarks.roll == pytest.approx(degrees, abs=6)
    assert face.box.side == pytest.approx(level.box.side, rel=0.08)


def test_a_face_on_its_side_is_left_out(
    face_detector: Callable[[str], FaceDetector], astronaut: Image
) -> None:
    assert face_detector("blazeface").detect(turned(astronaut, 90)) == []


def test_a_box_may_reach_out_of_the_picture(
    face_detector: Callable[[str], FaceDetector], astronaut: Image
) -> None:
    face = only(face_detector("blazeface").detect(astronaut[:, 190:]))

    assert face.box.x < 0


def test_a_picture_of_any_size_is_shrunk_as_a_whole(
    face_detector: Callable[[str], FaceDetector], astronaut: Image
) -> None:
    detector = face_detector("blazeface")
    large = np.full((1081, 1921, 3), 96, np.uint8)  # more than six times the network's input, odd
    large[57:1081, 301:1325] = cv2.resize(astronaut, (1024, 1024))
    small = np.asarray(cv2.resize(large, (640, 360), interpolation=cv2.INTER_AREA), np.uint8)

    found, expected = only(detector.detect(large)).box, only(detector.detect(small)).box

    scaled = Box(*(3 * n for n in (expected.x, expected.y, expected.width, expected.height)))
    assert found.iou(scaled) > 0.95
    assert detector.detect(np.zeros((1, 9000, 3), np.uint8)) == []


def test_min_score_decides_what_counts(demo_file: Callable[[str], Path], astronaut: Image) -> None:
    weights = demo_file("blazeface-back")
    score = only(BlazeFace(weights).detect(astronaut)).score

    assert BlazeFace(weights, min_score=score + 0.01).detect(astronaut) == []
    assert len(BlazeFace(weights, min_score=score - 0.01).detect(astronaut)) == 1


def test_weights_of_another_variant_are_refused(demo_file: Callable[[str], Path]) -> None:
    with pytest.raises(ModelError, match=r"range\.tflite: not the weights of BlazeFace back"):
        BlazeFace(demo_file("blazeface-short-range"), "back")


def test_damaged_weights_are_refused(demo_file: Callable[[str], Path], tmp_path: Path) -> None:
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(demo_file("blazeface-back").read_bytes()[:1000])

    with pytest.raises(ModelError, match=r"cut\.tflite: not a usable TFLite model"):
        BlazeFace(cut)
