from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion.manifest import Crop
from agent.emotion.preprocess import Preprocessing, to_grey
from agent.faces.crop import face_crop
from agent.faces.detector import FaceDetector
from agent.faces.detectors import open_detector
from agent.settings import FacesSettings
from training.crop_survey import run, survey
from training.errors import TrainingError

Images = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def detector(demo_file: Callable[[str], Path]) -> FaceDetector:
    demo_file("blazeface-back")
    return open_detector(FacesSettings())


@pytest.fixture(scope="module")
def framed(detector: FaceDetector, demo_file: Callable[[str], Path]) -> Callable[[Crop], Images]:
    """Training pictures (48 x 48) of two portraits, each framed by a crop, at every size."""

    def pictures(crop: Crop) -> Images:
        rows = []
        for name in ("astronaut.png", "grace_hopper.jpg"):
            image = np.asarray(cv2.imread(str(demo_file(name))), np.uint8)
            (face,) = detector.detect(image)
            rows += [face_crop(to_grey(image), face, crop, Preprocessing())] * 4
        return np.stack(rows)

    return pictures


@pytest.mark.parametrize("crop", [Crop(margin=0.2), Crop(margin=0.5, drop=0.1)])
def test_the_survey_finds_the_frame_that_the_pictures_were_made_with(
    detector: FaceDetector, framed: Callable[[Crop], Images], crop: Crop
) -> None:
    found = survey(detector, framed(crop))

    assert found.crop.margin == pytest.approx(crop.margin, abs=0.1)
    assert found.crop.drop == pytest.approx(crop.drop, abs=0.05)
    assert found.shift == pytest.approx(0, abs=0.04)
    assert (found.found, found.pictures) == (1, 8)
    assert found.margin_spread[0] <= found.crop.margin <= found.margin_spread[1]


def test_a_survey_of_no_faces_is_an_error(detector: FaceDetector) -> None:
    with pytest.raises(TrainingError, match="blazeface found no face in 3 training pictures"):
        survey(detector, np.zeros((3, 48, 48), np.uint8))


def test_the_table_has_a_row_for_each_detector_on_the_same_pictures(
    detector: FaceDetector, framed: Callable[[Crop], Images]
) -> None:
    lines: list[str] = []

    surveys = run([detector, detector], framed(Crop(margin=0.2)), count=6, show=lines.append)

    assert surveys[0] == surveys[1]
    assert surveys[0].pictures == 6
    assert len(lines) == 3
    assert all(line.startswith("blazeface ") for line in lines[1:])
    assert f"{surveys[0].crop.margin:.3f}" in lines[1]
