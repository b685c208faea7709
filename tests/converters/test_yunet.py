"""The real weights, which lie beside the checkout; skipped where they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from agent.errors import ModelError
from agent.faces.detectors import open_detector
from agent.faces.yunet import YuNet
from agent.faces.yunet_tflite import YuNetTflite
from agent.settings import FacesSettings
from agent.types import Box, Image
from converters import yunet
from converters.cli import main
from converters.yunet import Job, compare, convert
from converters.yunet_network import OUTPUTS, rebuild
from converters.yunet_pictures import composed, read_all


@pytest.fixture
def weights(yunet_weights: Path, keras: Any) -> Path:
    return yunet_weights


def test_the_rebuilt_network_gives_what_onnx_runtime_gives(
    shared: Path, keras: Any, astronaut: Image
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    path = shared / "models/yunet_n_320_320.onnx"
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    picture = np.asarray(cv2.resize(astronaut, (320, 320)), np.float32)

    expected = session.run(list(OUTPUTS), {"input": picture.transpose(2, 0, 1)[None]})
    given = rebuild(path, 320, 320)(picture[None], training=False)

    for one, other in zip(expected, given, strict=True):
        np.testing.assert_allclose(np.asarray(other), one, atol=1e-3)
    assert max(array.max() for array in expected[:3]) > 0.8  # it does see the face


def test_it_finds_the_faces_that_opencv_finds_on_footage_it_was_not_calibrated_with(
    shared: Path, weights: Path, yunet_tflite: Path
) -> None:
    found = compare(
        YuNet(weights, longest_side=320), YuNetTflite(yunet_tflite), read_all([shared / "footage"])
    )

    assert found.expected >= 50, found
    assert found.found >= 0.95, found
    assert found.extra <= 0.05, found
    assert found.overlap > 0.9, found
    assert found.shift < 0.06, found
    assert found.score_difference < 0.05, found


def test_a_wide_input_keeps_the_picture_upright(yunet_tflite: Path, astronaut: Image) -> None:
    detector = YuNetTflite(yunet_tflite)
    assert (detector.width, detector.height) == (320, 256)

    (face,) = detector.detect(astronaut)

    assert face.box.iou(Box(178, 68, 95, 100)) > 0.6
    assert face.landmarks is not None
    assert abs(face.landmarks.roll) < 12


def test_a_file_calibrated_on_nothing_is_refused_and_leaves_the_old_one(
    weights: Path, demo_file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dark(images: Any, count: int, size: tuple[int, int], seed: int) -> Any:
        made = composed(images, count, size, seed)
        return made if seed else [picture // 32 for picture in made]

    monkeypatch.setattr(yunet, "composed", dark)
    out = tmp_path / "yunet.tflite"
    out.write_bytes(b"the old one")

    with pytest.raises(ModelError, match=r"yunet\.tflite: not written: "):
        convert(Job(weights, out, (128, 128), [demo_file("astronaut.png")]), lambda line: None)

    assert out.read_bytes() == b"the old one"
    assert [path.name for path in tmp_path.iterdir()] == ["yunet.tflite"]


def test_pictures_without_a_face_prove_nothing(
    weights: Path, tmp_path: Path, demo_file: Any
) -> None:
    job = Job(weights, tmp_path / "yunet.tflite", (160, 160), [demo_file("no_face.mp4")])

    with pytest.raises(ModelError, match="no face in them"):
        convert(job, lambda line: None)


def test_the_agent_takes_the_converted_file_by_itself(
    weights: Path,
    yunet_tflite: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EMOTION_AGENT_DATA", str(tmp_path))
    (tmp_path / "face_detection_yunet.tflite").write_bytes(yunet_tflite.read_bytes())

    assert isinstance(open_detector(FacesSettings(detector="yunet")), YuNetTflite)
    onnx = FacesSettings(detector="yunet", yunet_model=str(weights))
    assert isinstance(open_detector(onnx), YuNet)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["missing.onnx"], "missing.onnx: no such file"),
        (["pointer.onnx"], "pointer.onnx: not a YuNet model"),
        (["pointer.onnx", "--out", "yunet.bin"], "its name must end with .tflite"),
        (["pointer.onnx", "--pictures", "nowhere"], "nowhere: no such file"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    demo_file: Any,
    arguments: list[str],
    told: str,
) -> None:
    demo_file("astronaut.png")
    monkeypatch.chdir(tmp_path)
    Path("pointer.onnx").write_text("version https://git-lfs.github.com/spec/v1\n")

    assert main(["yunet", *arguments]) == 1

    (line,) = (x for x in capfd.readouterr().err.splitlines() if "error: " in x)
    assert told in line


@pytest.mark.parametrize("size", ["300", "320x250", "0", "wide", "2048"])
def test_sizes_must_be_multiples_of_32(capfd: pytest.CaptureFixture[str], size: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["yunet", "any.onnx", "--size", size])

    assert ended.value.code == 2
    assert "multiples of 32" in capfd.readouterr().err
