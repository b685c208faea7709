"""What every detector promises."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from agent.faces.detector import FaceDetector
from agent.types import Box, Image

ASTRONAUT = Box(178, 68, 95, 100)
HOPPER = Box(170, 120, 195, 210)


@pytest.fixture(
    scope="module",
    params=[
        "blazeface",
        "blazeface-short-range",
        "blazeface-full-range",
        "yunet",
        "yunet-tflite",
        "haar",
    ],
)
def detector(
    request: pytest.FixtureRequest, face_detector: Callable[[str], FaceDetector]
) -> FaceDetector:
    return face_detector(request.param)


def test_a_portrait_holds_one_face(detector: FaceDetector, astronaut: Image, hopper: Image) -> None:
    for image, where in ((astronaut, ASTRONAUT), (hopper, HOPPER)):
        (face,) = detector.detect(image)

        assert face.box.iou(where) > 0.6
        assert 0.5 <= face.score <= 1


def test_landmarks_lie_as_in_a_face(
    detector: FaceDetector, astronaut: Image, hopper: Image
) -> None:
    for image in (astronaut, hopper):
        (face,) = detector.detect(image)
        points = face.landmarks

        assert (points is None) == (detector.name == "haar")
        if points is not None:
            assert points.left_eye[0] < points.nose[0] < points.right_eye[0]
            assert points.left_eye[1] < points.nose[1] < points.mouth[1]
            assert abs(points.roll) < 12


def test_a_grey_picture_is_read_as_its_colour_twin(detector: FaceDetector, hopper: Image) -> None:
    grey = np.asarray(cv2.cvtColor(hopper, cv2.COLOR_BGR2GRAY), np.uint8)
    twin = np.asarray(cv2.merge([grey, grey, grey]), np.uint8)

    assert len(detector.detect(grey)) == 1
    assert detector.detect(grey) == detector.detect(twin)


def test_boxes_are_in_the_pixels_of_the_picture(detector: FaceDetector, hopper: Image) -> None:
    """Also where the sides are not shrunk by exactly the same factor."""
    (small,) = detector.detect(hopper)
    height, width = hopper.shape[:2]
    (large,) = detector.detect(np.asarray(cv2.resize(hopper, (3 * width, 3 * height)), np.uint8))

    box = Box(large.box.x / 3, large.box.y / 3, large.box.width / 3, large.box.height / 3)
    assert box.iou(small.box) > 0.85


def test_two_faces_come_best_first(detector: FaceDetector, astronaut: Image, hopper: Image) -> None:
    left = astronaut[24:224, 125:325]
    right = cv2.resize(hopper[90:390, 120:420], (200, 200), interpolation=cv2.INTER_AREA)

    faces = detector.detect(np.hstack([left, np.asarray(right, np.uint8)]))

    assert len(faces) == 2
    assert faces[0].score >= faces[1].score
    assert sorted(face.box.centre[0] > 200 for face in faces) == [False, True]


def test_a_call_knows_nothing_of_the_last(
    detector: FaceDetector, astronaut: Image, hopper: Image
) -> None:
    first = detector.detect(astronaut)
    detector.detect(hopper)

    assert detector.detect(astronaut) == first


@pytest.mark.parametrize(
    "shape",
    [(1, 1, 3), (1, 1), (2, 3), (50, 50), (1, 5000, 3), (4000, 1, 3), (3, 2000), (0, 0, 3), (0, 5)],
)
def test_odd_pictures_hold_no_face(detector: FaceDetector, shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(7).integers(0, 256, shape, np.uint8)

    assert detector.detect(np.full(shape, 90, np.uint8)) == []
    assert detector.detect(noise) == []


def test_the_picture_is_left_as_it_was(detector: FaceDetector, astronaut: Image) -> None:
    image = astronaut[10:400, 20:401]  # not contiguous in memory
    before = image.copy()

    assert len(detector.detect(image)) == 1
    assert np.array_equal(image, before)
