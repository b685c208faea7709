from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from agent.errors import ModelError
from agent.faces.detectors import open_detector
from agent.faces.haar import Haar
from agent.settings import FacesSettings
from agent.types import Image


@pytest.fixture
def nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EMOTION_AGENT_DATA", raising=False)


@pytest.mark.usefixtures("nothing_fetched")
@pytest.mark.parametrize(
    ("settings", "command"),
    [
        ({"detector": "blazeface"}, "emotion-agent models pull detectors"),
        ({"detector": "yunet"}, "emotion-agent models pull yunet"),
    ],
)
def test_missing_weights_name_the_command_that_fetches_them(
    settings: dict[str, str], command: str
) -> None:
    with pytest.raises(ModelError, match=command):
        open_detector(FacesSettings.model_validate(settings))


def test_a_yunet_file_of_ones_own_must_be_there(tmp_path: Path) -> None:
    settings = FacesSettings(detector="yunet", yunet_model=str(tmp_path / "mine.onnx"))

    with pytest.raises(ModelError, match=r"mine\.onnx: no such file"):
        open_detector(settings)


def test_a_file_that_is_no_yunet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "face_detection_yunet.onnx"
    path.write_text("version https://git-lfs.github.com/spec/v1\n")

    with pytest.raises(ModelError, match=r"yunet\.onnx: not a YuNet model"):
        open_detector(FacesSettings(detector="yunet", yunet_model=str(path)))


def test_a_tflite_file_that_is_no_yunet_is_refused(demo_file: Callable[[str], Path]) -> None:
    settings = FacesSettings(detector="yunet", yunet_model=str(demo_file("blazeface-back")))

    with pytest.raises(ModelError, match=r"back\.tflite: not a YuNet model"):
        open_detector(settings)


def test_opencv_without_cascades_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "CascadeClassifier")  # as in OpenCV 5

    with pytest.raises(ModelError, match=r"faces\.detector = haar needs OpenCV 4"):
        open_detector(FacesSettings(detector="haar"))


def test_haar_with_a_higher_limit_finds_the_clearest_only(astronaut: Image) -> None:
    (face,) = Haar().detect(astronaut)

    assert Haar(min_score=face.score).detect(astronaut) == [face]
    assert Haar(min_score=face.score + 0.01).detect(astronaut) == []
