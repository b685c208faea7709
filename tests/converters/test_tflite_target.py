from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.errors import ModelError
from agent.quiet import output_hidden
from agent.runtimes.litert import load_interpreter
from converters.targets.target import Task
from converters.targets.tflite import TfliteTarget
from training.ferplus import FerPlus


@pytest.fixture(scope="module")
def folder(task: Task, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tflite")
    with output_hidden():
        made = TfliteTarget().convert(task, folder)
    assert {(a.file, a.runtime, a.precision) for a in made} == {
        (f"model-{precision}.tflite", "tflite", precision)
        for precision in ("int8", "int8-float-io", "dynamic", "float16", "float32")
    }
    return folder


@pytest.mark.parametrize("precision", ["int8", "int8-float-io", "dynamic", "float16", "float32"])
def test_files_take_one_picture_and_name_their_ends(folder: Path, precision: str) -> None:
    interpreter: Any = load_interpreter(folder / f"model-{precision}.tflite")

    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": ["logits"]}
    }
    assert interpreter.get_input_details()[0]["shape"].tolist() == [1, 48, 48, 1]
    assert interpreter.get_output_details()[0]["shape"].tolist() == [1, 8]


def test_one_step_of_the_int8_input_is_one_grey_level(folder: Path) -> None:
    details = load_interpreter(folder / "model-int8.tflite").get_input_details()[0]

    assert details["dtype"] == np.int8
    assert details["quantization"] == (1 / 128, 0)


def test_the_int8_file_holds_no_float_and_a_scale_for_each_filter(folder: Path) -> None:
    interpreter: Any = load_interpreter(folder / "model-int8.tflite")
    tensors = interpreter.get_tensor_details()
    kernels = [t for t in tensors if len(t["shape"]) == 4 and 3 in t["shape"][1:3]]

    assert {np.dtype(t["dtype"]) for t in tensors} <= {np.dtype("int8"), np.dtype("int32")}
    assert len(kernels) == 4
    for kernel in kernels:
        assert len(kernel["quantization_parameters"]["scales"]) == kernel["shape"][0]


def test_float_ends_change_nothing_between_them(folder: Path, data: FerPlus) -> None:
    whole, outside = (
        load_interpreter(folder / f"model-{precision}.tflite")
        for precision in ("int8", "int8-float-io")
    )

    assert outside.get_input_details()[0]["dtype"] == np.float32
    assert outside.get_output_details()[0]["dtype"] == np.float32
    scale, zero_point = whole.get_output_details()[0]["quantization"]
    for picture in data["valid"].images[:20, None, :, :, None].astype(np.float32) - 128:
        for engine, values in ((whole, picture.astype(np.int8)), (outside, picture / 128)):
            engine.set_tensor(engine.get_input_details()[0]["index"], values)
            engine.invoke()
        codes, logits = (e.get_tensor(e.get_output_details()[0]["index"]) for e in (whole, outside))
        np.testing.assert_allclose((codes.astype(float) - zero_point) * scale, logits, atol=1e-6)


def test_smaller_files_hold_smaller_numbers(folder: Path) -> None:
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.tflite")}

    assert sizes["model-dynamic.tflite"] < sizes["model-float16.tflite"]
    assert sizes["model-float16.tflite"] < sizes["model-float32.tflite"]


def test_only_what_is_wanted_is_made(task: Task, tmp_path: Path) -> None:
    with output_hidden():
        made = TfliteTarget().convert(replace(task, wanted=("float32",), work=tmp_path), tmp_path)

    assert [artifact.file for artifact in made] == ["model-float32.tflite"]


@pytest.mark.parametrize(("shade", "missing"), [(0, "white"), (255, "black")])
def test_calibration_without_black_or_white_is_refused(
    task: Task, tmp_path: Path, shade: int, missing: str
) -> None:
    flat = np.full((4, 48, 48), shade, np.uint8)

    with output_hidden(), pytest.raises(ModelError, match=f"{missing}.* is missing in the calib"):
        TfliteTarget().convert(replace(task, calibration=flat, work=tmp_path), tmp_path)


def test_the_same_task_gives_the_same_bytes(task: Task, folder: Path, tmp_path: Path) -> None:
    with output_hidden():
        TfliteTarget().convert(replace(task, work=tmp_path), tmp_path)

    for name in ("model-int8.tflite", "model-float32.tflite"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
