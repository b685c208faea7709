from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from agent.quiet import output_hidden
from agent.runtimes.litert import load_interpreter
from converters.targets.onnx import OnnxTarget
from converters.targets.target import Task
from converters.targets.tflite import tflite_file


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
    models = [onnx.load(folder / f"model-{name}.onnx") for name in ("float32", "int8")]

    for model in models:
        assert model.ir_version == 7
        assert [o.version for o in model.opset_import if not o.domain] == [13]


def test_the_float_file_is_plain_layers(folder: Path) -> None:
    model = onnx.load(folder / "model-float32.onnx")
    kinds = Counter(node.op_type for node in model.graph.node)

    assert kinds["Conv"] == 4
    assert "BatchNormalization" not in kinds


def qdq(model: Any) -> tuple[list[Any], list[Any]]:
    """Scales and zero points by node, of all QuantizeLinear and DequantizeLinear."""
    values = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    nodes = [n for n in model.graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")]
    return [values[n.input[1]] for n in nodes], [values[n.input[2]] for n in nodes]


def test_the_int8_file_is_symmetric_with_a_scale_for_each_filter(folder: Path) -> None:
    model = onnx.load(folder / "model-int8.onnx")
    scales, zero_points = qdq(model)

    assert {point.dtype for point in zero_points} == {np.dtype(np.int8)}
    assert all(np.all(point == 0) for point in zero_points)
    assert sorted(scale.size for scale in scales if scale.size > 1) == [8, 8, 8, 8] + 6 * [16]


def test_biases_additions_and_outputs_are_not_quantized(folder: Path) -> None:
    model = onnx.load(folder / "model-int8.onnx")
    floats = {i.name for i in model.graph.initializer if i.data_type == onnx.TensorProto.FLOAT}
    makers = {name: node for node in model.graph.node for name in node.output}
    weighted = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]

    assert len(weighted) == 5
    for node in weighted:
        assert [makers[name].op_type for name in node.input[:2]] == 2 * ["DequantizeLinear"]
        assert node.input[2] in floats
    quantized = {node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    inner = {
        name
        for node in model.graph.node
        if node.op_type in ("Conv", "Add", "Gemm")
        for name in node.output
    }
    assert not quantized & inner


def test_ranges_are_those_of_the_tflite_file(folder: Path, task: Task) -> None:
    interpreter: Any = load_interpreter(tflite_file(task, "int8"))
    tensors = [t["quantization"] for t in interpreter.get_tensor_details()]
    asymmetric = np.array([scale for scale, zero_point in tensors if zero_point == -128])
    scales, _ = qdq(onnx.load(folder / "model-int8.onnx"))
    symmetric = np.unique([float(scale) for scale in scales if scale.size == 1])

    assert 1 / 128 in symmetric
    for scale in symmetric[symmetric != 1 / 128]:
        assert np.abs(asymmetric * 255 / 127 / scale - 1).min() < 1e-3
