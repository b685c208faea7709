"""What TensorRT asks of a quantized graph, read from the graph itself; needs no TensorRT.

`tests/integration/test_tensorrt_rtx.py` has NVIDIA's parser judge the shipped model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from agent.quiet import output_hidden
from converters.targets.onnx import quantized_onnx
from converters.targets.target import Task

WEIGHTED = ("Conv", "Gemm", "MatMul")


class Graph:
    """A graph with its constants, and for each tensor the node that makes it."""

    def __init__(self, model: Any) -> None:
        self.nodes = list(model.graph.node)
        self.makers = {name: node for node in self.nodes for name in node.output}
        self._constants = {value.name: value for value in model.graph.initializer}

    def of(self, *kinds: str) -> list[Any]:
        return [node for node in self.nodes if node.op_type in kinds]

    def constant(self, name: str) -> npt.NDArray[Any] | None:
        value = self._constants.get(name)
        return None if value is None else onnx.numpy_helper.to_array(value)


@pytest.fixture(scope="module")
def graph(task: Task) -> Graph:
    with output_hidden():
        model = onnx.load(quantized_onnx(task))
    assert model.opset_import[0].version == 13
    return Graph(model)


def test_every_zero_point_is_zero_and_int8(graph: Graph) -> None:
    pairs = graph.of("QuantizeLinear", "DequantizeLinear")

    assert len(pairs) >= 4 * len(graph.of("Conv"))
    for node in pairs:
        assert len(node.input) == 3  # without a zero point the type would be uint8
        zero = graph.constant(node.input[2])
        assert zero is not None
        assert zero.dtype == np.int8
        assert not zero.any()


def test_no_bias_is_quantized(graph: Graph) -> None:
    biased = [node for node in graph.of("Conv", "Gemm") if len(node.input) == 3]

    assert biased
    for node in biased:
        bias = graph.constant(node.input[2])
        assert bias is not None
        assert bias.dtype == np.float32


def test_every_weighted_layer_reads_int8_input_and_weights(graph: Graph) -> None:
    layers = graph.of(*WEIGHTED)

    assert len(layers) == 5
    for node in layers:
        for name in node.input[:2]:
            dequantize = graph.makers[name]
            assert dequantize.op_type == "DequantizeLinear"
            quantize = graph.makers[dequantize.input[0]]
            assert quantize.op_type == "QuantizeLinear"
            assert list(quantize.input[1:]) == list(dequantize.input[1:])


def test_every_filter_has_a_scale_of_its_own(graph: Graph) -> None:
    for node in graph.of("Conv"):
        quantize = graph.makers[graph.makers[node.input[1]].input[0]]
        kernel, scale = (graph.constant(name) for name in quantize.input[:2])
        assert kernel is not None
        assert scale is not None
        assert scale.shape == (len(kernel),)
        largest = np.abs(kernel).reshape(len(kernel), -1).max(axis=1)
        np.testing.assert_allclose(scale, largest / 127, rtol=0.01)


def test_activations_have_one_scale_for_all_channels(graph: Graph) -> None:
    for node in graph.of(*WEIGHTED):
        scale = graph.constant(graph.makers[node.input[0]].input[1])
        assert scale is not None
        assert scale.size == 1
        assert scale > 0
