"""YuNet's ONNX graph as a Keras network with the channels last, as TFLite files need it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import keras
import onnx
from keras import layers
from onnx import numpy_helper

from agent.errors import ModelError

OUTPUTS: Final = tuple(
    f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)
)

_Tensor = Any


def rebuild(path: Path, height: int, width: int) -> Any:
    """The network for pictures of that size (multiples of 32), whatever size the file was made for.

    It takes 1 x height x width x 3 BGR of 0 to 255 and gives the twelve outputs, 1 x cells x 1, 4
    or 10. Raises `ModelError`, naming the file, where it is not YuNet.
    """
    graph = _graph(path)
    constants = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    picture = keras.Input((height, width, 3), batch_size=1, name="image")
    made: dict[str, _Tensor] = {graph.input[0].name: picture}
    for node in graph.node:
        given = [made[name] for name in node.input if name in made]
        weights = [constants[name] for name in node.input if name in constants]
        made[node.output[0]] = _layer(path, node, given, weights)
    return keras.Model(picture, [made[name] for name in OUTPUTS], name="yunet")


def _graph(path: Path) -> Any:
    try:
        graph = onnx.load(path).graph
    except Exception as error:  # of protobuf, of the file system
        reason = " ".join(str(error).strip().partition("\n")[0].split())
        raise ModelError(f"{path}: not a usable ONNX model: {reason}") from None
    if {output.name for output in graph.output} != set(OUTPUTS):
        raise ModelError(f"{path}: not YuNet, whose outputs are {', '.join(OUTPUTS)}")
    return graph


def _layer(path: Path, node: Any, given: list[_Tensor], weights: list[Any]) -> _Tensor:
    """What a node does to its inputs, in Keras."""
    if node.op_type == "Conv":
        return _convolution(node, given[0], *weights)
    build = _BUILDERS.get(node.op_type)
    if build is None:
        raise ModelError(f"{path}: not YuNet as it is known: it has a node {node.op_type}")
    return build(given)


_BUILDERS: Final[dict[str, Callable[[list[_Tensor]], _Tensor]]] = {
    "Relu": lambda given: layers.ReLU()(given[0]),
    "MaxPool": lambda given: layers.MaxPooling2D(2)(given[0]),
    "Resize": lambda given: layers.UpSampling2D(2, interpolation="nearest")(given[0]),
    "Add": layers.add,
    "Transpose": lambda given: given[0],  # to channels last, which they are already
    "Reshape": lambda given: layers.Reshape((-1, given[0].shape[-1]))(given[0]),
    "Sigmoid": lambda given: layers.Activation("sigmoid")(given[0]),
}


def _convolution(node: Any, tensor: _Tensor, kernel: Any, bias: Any) -> _Tensor:
    """ONNX has kernels of out x in x height x width."""
    attributes: dict[str, Any] = {a.name: list(a.ints) or a.i for a in node.attribute}
    stride, margin = attributes["strides"][0], attributes["pads"][0]
    padding = "same"
    if margin and stride > 1:
        tensor, padding = layers.ZeroPadding2D(margin)(tensor), "valid"  # 'same' pads another side
    if attributes["group"] > 1:
        layer = layers.DepthwiseConv2D(kernel.shape[2:], stride, padding=padding)
        moved = kernel.transpose(2, 3, 0, 1)
    else:
        layer = layers.Conv2D(kernel.shape[0], kernel.shape[2:], stride, padding=padding)
        moved = kernel.transpose(2, 3, 1, 0)
    answer = layer(tensor)
    layer.set_weights([moved, bias])
    return answer
