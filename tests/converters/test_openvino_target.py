from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest

from agent.quiet import output_hidden
from agent.runtimes.litert import load_interpreter
from converters.targets.openvino import OpenvinoTarget
from converters.targets.target import Task
from converters.targets.tflite import tflite_file


@pytest.fixture(scope="module")
def folder(task: Task, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("openvino")
    with output_hidden():
        made = OpenvinoTarget().convert(task, folder)
    assert {(a.file, a.parts) for a in made} == {
        (f"model-{precision}.xml", (f"model-{precision}.bin",))
        for precision in ("int8", "float16", "float32")
    }
    return folder


def network(folder: Path, precision: str) -> Any:
    return openvino.Core().read_model(folder / f"model-{precision}.xml")


@pytest.mark.parametrize("precision", ["int8", "float16", "float32"])
def test_the_ends_have_names(folder: Path, precision: str) -> None:
    model = network(folder, precision)

    assert model.input(0).get_names() == {"image"}
    assert model.output(0).get_names() == {"logits"}


def test_each_precision_is_half_the_size_of_the_next(folder: Path) -> None:
    small, half, whole = (
        (folder / f"model-{precision}.bin").stat().st_size
        for precision in ("int8", "float16", "float32")
    )

    assert small < 0.8 * half < 0.8 * 0.6 * whole


def test_the_int8_network_has_the_scales_of_the_tflite_file(folder: Path, task: Task) -> None:
    interpreter: Any = load_interpreter(tflite_file(task, "int8"))
    tensors = [t["quantization"] for t in interpreter.get_tensor_details()]
    wanted = {round(255 * scale, 4) for scale, zero_point in tensors if zero_point == -128}

    ranges = set()
    for node in network(folder, "int8").get_ops():
        if node.get_type_name() == "FakeQuantize":
            low, high = (
                float(np.ravel(node.input_value(port).get_node().data)[0]) for port in (1, 2)
            )
            ranges.add(round(high - low, 4))

    assert wanted
    assert wanted <= ranges
