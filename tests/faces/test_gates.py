from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion.manifest import Crop
from agent.emotion.preprocess import Preprocessing, to_grey
from agent.faces.crop import face_crop
from agent.faces.detector import FaceDetector
from agent.faces.gates import gate, sharpness, turn
from agent.settings import FacesSettings
from agent.types import Face, Image, Landmarks

Grey = npt.NDArray[np.uint8]
DEFAULTS = FacesSettings()


@pytest.fixture(scope="module")
def seen(face_detector: Callable[[str], FaceDetector], astronaut: Image) -> tuple[Face, Grey]:
    """A good face and its crop."""
    (face,) = face_detector("blazeface").detect(astronaut)
    return face, face_crop(to_grey(astronaut), face, Crop(margin=0.14), Preprocessing())


def blurred(crop: Grey, sigma: float) -> Grey:
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.uint8)


def test_a_good_face_passes(seen: tuple[Face, Grey]) -> None:
    assert gate(*seen, DEFAULTS) is None


def test_a_good_face_passes_in_faint_light_and_at_low_contrast(seen: tuple[Face, Grey]) -> None:
    face, crop = seen

    assert gate(face, (crop // 5).astype(np.uint8), DEFAULTS) is None
    assert gate(face, (crop // 8 + 100).astype(np.uint8), DEFAULTS) is None


def test_a_face_of_few_pixels_is_small(seen: tuple[Face, Grey]) -> None:
    face, crop = seen
    narrow = replace(face, box=replace(face.box, width=DEFAULTS.min_size - 1))

    assert gate(narrow, crop, DEFAULTS) == "small"


def test_a_face_without_light_is_dark(seen: tuple[Face, Grey]) -> None:
    face, crop = seen

    assert gate(face, (crop // 10).astype(np.uint8), DEFAULTS) == "dark"


def test_a_smeared_face_is_blurred(seen: tuple[Face, Grey]) -> None:
    face, crop = seen

    assert gate(face, blurred(crop, 0.8), DEFAULTS) is None
    assert gate(face, blurred(crop, 3), DEFAULTS) == "blurred"
    assert gate(face, np.full_like(crop, 120), DEFAULTS) == "blurred"


def test_sharpness_falls_with_blur_but_not_with_contrast(seen: tuple[Face, Grey]) -> None:
    _, crop = seen
    smeared = [sharpness(blurred(crop, sigma)) for sigma in (0.5, 1, 2, 4)]

    assert smeared == sorted(smeared, reverse=True)
    assert sharpness((crop // 2).astype(np.uint8)) == pytest.approx(sharpness(crop), rel=0.05)


def test_a_head_that_looks_away_is_turned(seen: tuple[Face, Grey]) -> None:
    face, crop = seen
    assert face.landmarks is not None
    x, y = face.landmarks.right_eye
    away = replace(face, landmarks=replace(face.landmarks, nose=(x + 10, y + 20)))

    assert gate(away, crop, DEFAULTS) == "turned"
    assert gate(replace(away, landmarks=None), crop, DEFAULTS) is None


@pytest.mark.parametrize("mirror", [1, -1])
@pytest.mark.parametrize("degrees", [0, 35])
def test_turn_is_the_share_of_the_eye_distance_however_tilted(mirror: int, degrees: float) -> None:
    turning = np.radians(degrees)
    matrix = np.array([[np.cos(turning), -np.sin(turning)], [np.sin(turning), np.cos(turning)]])
    points = np.array([[-20, 0], [20, 0], [10 * mirror, 18], [4 * mirror, 40]]) @ matrix.T
    left, right, nose, mouth = ((float(x) + 50, float(y) + 60) for x, y in points)

    assert turn(Landmarks(left, right, nose, mouth)) == pytest.approx(0.25)


def test_eyes_in_one_place_are_turned() -> None:
    assert turn(Landmarks((5, 5), (5, 5), (9, 9), (5, 12))) == float("inf")
