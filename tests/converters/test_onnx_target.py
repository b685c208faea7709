from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import onnx
import pytest

from agent.quiet import output_hidden
from converters.targets.onnx import OnnxTarget
from converters.targets.target import Task


@pytest.fixture(scope="module")
def folder(task: Task, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    with output_hidden():
        OnnxTarget().convert(task, folder)
    return folder


def shape(tensor: Any) -> list[Any]:
    return [d.dim_param or d.dim_value for d in tensor.type.tensor_type.shape.dim]


def test_the_float_file_takes_any_number_of_faces_and_names_its_ends(folder: Path) -> None:
    model = onnx.load(folder / "model-float32.onnx")
    (image,), (logits,) = model.graph.input, model.graph.output

    assert (image.name, shape(image)) == ("image", ["faces", 48, 48, 1])
    assert (logits.name, shape(logits)) == ("logits", ["faces", 8])


def test_the_files_are_of_the_opset_and_the_format_that_old_readers_know(folder: Path) -> None:
    model = onnx.load(folder / "model-float32.onnx")

    assert model.ir_version == 7
    assert [(o.domain, o.version) for o in model.opset_import if not o.domain] == [("", 13)]


def test_the_float_file_is_plain_layers(folder: Path) -> None:
    model = onnx.load(folder / "model-float32.onnx")
    kinds = Counter(node.op_type for node in model.graph.node)

    assert kinds["Conv"] == 4
    assert "BatchNormalization" not in kinds
