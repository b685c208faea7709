"""A folded network as a frozen graph that TensorFlow 1.4 reads, for AWS DeepLens.

A graph that TensorFlow 2 writes by itself cannot be read there: it has operations and attributes
that came later (`AddV2`, `explicit_paddings`). So the graph is put together here, operation by
operation, of those that TensorFlow 1.4 has and DeepLens documents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import activations, layers

from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError

INPUT: Final = "image"
OUTPUT: Final = "probs"

ATTRIBUTES: Final[dict[str, frozenset[str]]] = {
    "Add": frozenset({"T"}),
    "BiasAdd": frozenset({"T"}),
    "Const": frozenset({"dtype", "value"}),
    "Conv2D": frozenset({"T", "strides", "padding"}),
    "MaxPool": frozenset({"T", "ksize", "strides", "padding"}),
    "Mean": frozenset({"T", "Tidx", "keep_dims"}),
    "Mul": frozenset({"T"}),
    "Placeholder": frozenset({"dtype", "shape"}),
    "Relu": frozenset({"T"}),
    "Reshape": frozenset({"T", "Tshape"}),
    "Softmax": frozenset({"T"}),
    "Sub": frozenset({"T"}),
}
"""The operations that are used, each with the attributes that it keeps; TensorFlow 1.4 knows all of
them (tensorflow/core/ops of release 1.4). What is left out has its default there."""

_PRODUCER: Final = 24
"""GraphDef version that TensorFlow 1.4 itself writes (TF_GRAPH_DEF_VERSION in version.h)."""

_Tensor = Any
_Weights = list[npt.NDArray[np.float32]]


def freeze(model: Any, preprocessing: Preprocessing, temperature: float) -> bytes:
    """The network as a serialised GraphDef, from pixels to calibrated probabilities.

    `model` is as `fold` makes it. The graph takes `image`, 1 x side x side x 1 float32 with grey
    values of 0 to 255, and gives `probs`, 1 x 8 float32. Raises `ModelError`, naming the layer,
    where TensorFlow 1.4 has nothing to do a layer's work.
    """
    side = preprocessing.side
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    with tf.Graph().as_default() as graph:
        pixels = tf.raw_ops.Placeholder(dtype=tf.float32, shape=(1, side, side, 1), name=INPUT)
        logits = _network(model, weights, _normalised(pixels, preprocessing))
        cooled = tf.raw_ops.Mul(x=logits, y=_constant("cooling", 1 / temperature), name="cooled")
        row = tf.raw_ops.Reshape(
            tensor=cooled, shape=_constant("row_shape", (1, -1), np.int32), name="row"
        )
        tf.raw_ops.Softmax(logits=row, name=OUTPUT)
    definition = graph.as_graph_def()
    for node in definition.node:
        for attribute in set(node.attr) - ATTRIBUTES[node.op]:
            del node.attr[attribute]
    definition.versions.producer = _PRODUCER
    definition.versions.min_consumer = 0
    return bytes(definition.SerializeToString(deterministic=True))


def _normalised(pixels: _Tensor, preprocessing: Preprocessing) -> _Tensor:
    offset = _constant("offset", preprocessing.offset)
    centred = tf.raw_ops.Sub(x=pixels, y=offset, name="centred")
    scale = _constant("scale", 1 / preprocessing.divisor)
    return tf.raw_ops.Mul(x=centred, y=scale, name="normalised")


def _network(model: Any, weights: dict[str, _Weights], image: _Tensor) -> _Tensor:
    """All layers in order, on tensors of four dimensions from the first to the last."""
    made = {id(model.inputs[0]): image}
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        write = _WRITERS.get(type(layer))
        if write is None:
            raise ModelError(
                f"DeepLens: layer '{layer.name}' ({type(layer).__name__}) cannot be written; "
                f"it may be: {', '.join(kind.__name__ for kind in _WRITERS)}"
            )
        made[id(layer.output)] = write(layer, [made[id(t)] for t in given], weights[layer.name])
    return made[id(model.outputs[0])]


def _convolution(layer: Any, given: list[_Tensor], weights: _Weights) -> _Tensor:
    if layer.groups != 1 or layer.dilation_rate != (1, 1):
        raise ModelError(
            f"DeepLens: layer '{layer.name}' (Conv2D) has groups or a dilation, which its Conv2D "
            "has not"
        )
    kernel, bias = weights
    return _convolved(layer, given[0], kernel, bias)


def _dense(layer: Any, given: list[_Tensor], weights: _Weights) -> _Tensor:
    """A dense layer is a convolution, after `Flatten` over all pixels, else of each one.

    MatMul is not among DeepLens's layers.
    """
    kernel, bias = weights
    flat = len(layer.input.shape) == 2
    pixels = given[0].shape[1:3] if flat else (1, 1)
    return _convolved(layer, given[0], kernel.reshape(*pixels, -1, layer.units), bias)


def _convolved(layer: Any, tensor: _Tensor, kernel: Any, bias: Any) -> _Tensor:
    down, across = getattr(layer, "strides", (1, 1))
    summed = tf.raw_ops.Conv2D(
        input=tensor,
        filter=_constant(f"{layer.name}/kernel", kernel),
        strides=[1, down, across, 1],
        padding=getattr(layer, "padding", "valid").upper(),
        name=f"{layer.name}/convolution",
    )
    shifted = tf.raw_ops.BiasAdd(
        value=summed, bias=_constant(f"{layer.name}/bias", bias), name=f"{layer.name}/shifted"
    )
    if layer.activation is activations.linear:
        return shifted
    return tf.raw_ops.Relu(features=shifted, name=f"{layer.name}/relu")


def _relu(layer: Any, given: list[_Tensor], _: _Weights) -> _Tensor:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise ModelError(f"DeepLens: layer '{layer.name}' (ReLU) is not a plain one")
    return tf.raw_ops.Relu(features=given[0], name=layer.name)


def _add(layer: Any, given: list[_Tensor], _: _Weights) -> _Tensor:
    total = given[0]
    for index, tensor in enumerate(given[1:]):
        total = tf.raw_ops.Add(x=total, y=tensor, name=f"{layer.name}/{index}")
    return total


def _largest(layer: Any, given: list[_Tensor], _: _Weights) -> _Tensor:
    return tf.raw_ops.MaxPool(
        input=given[0],
        ksize=[1, *layer.pool_size, 1],
        strides=[1, *layer.strides, 1],
        padding=layer.padding.upper(),
        name=layer.name,
    )


def _flat(_layer: Any, given: list[_Tensor], _: _Weights) -> _Tensor:
    """As it is: the dense layer after it takes the pixels in the same order."""
    return given[0]


def _average(layer: Any, given: list[_Tensor], _: _Weights) -> _Tensor:
    axes = _constant(f"{layer.name}/axes", (1, 2), np.int32)
    return tf.raw_ops.Mean(input=given[0], axis=axes, keep_dims=True, name=layer.name)


_WRITERS: Final[dict[type, Callable[[Any, list[_Tensor], _Weights], _Tensor]]] = {
    layers.Conv2D: _convolution,
    layers.Dense: _dense,
    layers.ReLU: _relu,
    layers.Add: _add,
    layers.MaxPooling2D: _largest,
    layers.GlobalAveragePooling2D: _average,
    layers.Flatten: _flat,
}


def _constant(name: str, value: Any, dtype: Any = np.float32) -> _Tensor:
    return tf.constant(np.asarray(value, dtype), name=name)
