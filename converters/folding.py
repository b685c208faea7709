"""Folds batch normalisation into the convolutions before it, and drops what only training needs.

After training, a batch normalisation is a scale and a shift for each channel, so the convolution
before it can do both (Jacob et al. 2018, section 3.2). TFLite's converter folds just as well by
itself; formats whose converters do not get the same plain network from here.
"""

from __future__ import annotations

from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from agent.errors import ModelError

_WEIGHTED: Final = (layers.Conv2D, layers.Dense)
_REMOVED: Final = (layers.BatchNormalization, layers.Dropout)
_KEPT: Final = (
    *(layers.ReLU, layers.Add, layers.MaxPooling2D, layers.GlobalAveragePooling2D, layers.Flatten),
)
_ACTIVATIONS: Final = ("linear", "relu")

Weights = list[npt.NDArray[np.float32]]


def fold(model: Any) -> Any:
    """A new Keras model of plain float32 layers, with the same answers at inference.

    It holds `Conv2D` and `Dense` (linear or ReLU), `ReLU`, `Add`, `MaxPooling2D`,
    `GlobalAveragePooling2D` and `Flatten`.
    Raises `ModelError`, naming the layer, for any other, and for a batch normalisation that does
    not follow a linear convolution of its own.
    """
    source = keras.Model(model.inputs, model.outputs, name=model.name)
    for layer in source.layers:
        _require_known(layer)
    normalisations = {
        _convolution_before(layer, source): layer
        for layer in source.layers
        if isinstance(layer, layers.BatchNormalization)
    }
    plain = keras.models.clone_model(source, clone_function=_copy, call_function=_call)
    for layer in plain.layers:
        if isinstance(layer, _WEIGHTED):
            weights = _weights(source.get_layer(layer.name))
            normalisation = normalisations.get(layer.name)
            layer.set_weights(_scaled(weights, normalisation) if normalisation else weights)
    return plain


def is_folded(model: Any) -> bool:
    """Whether there is nothing left that `fold` would remove."""
    return not any(isinstance(layer, _REMOVED) for layer in model.layers)


def _require_known(layer: Any) -> None:
    kind = type(layer)
    if kind not in (layers.InputLayer, *_WEIGHTED, *_REMOVED, *_KEPT):
        known = ", ".join(k.__name__ for k in (*_WEIGHTED, *_REMOVED, *_KEPT))
        raise ModelError(
            f"layer '{layer.name}' ({kind.__name__}) cannot be converted; it may be: {known}"
        )
    if kind in _WEIGHTED:
        activation = keras.activations.serialize(layer.activation)
        if activation not in _ACTIVATIONS:
            raise ModelError(
                f"layer '{layer.name}' ({kind.__name__}) has activation {activation}; "
                f"it may be: {', '.join(_ACTIVATIONS)}"
            )


def _convolution_before(normalisation: Any, model: Any) -> str:
    """Name of the convolution whose output the batch normalisation alone uses."""
    tensor = normalisation.input
    makers = [layer for layer in model.layers if layer.output is tensor]
    users = [layer for layer in model.layers if any(t is tensor for t in _inputs(layer))]
    alone = len(users) == 1 and not any(tensor is output for output in model.outputs)
    maker = makers[0]
    linear = isinstance(maker, layers.Conv2D) and maker.activation is keras.activations.linear
    if not (alone and linear):
        raise ModelError(
            f"layer '{normalisation.name}' (BatchNormalization) cannot be folded: "
            f"it must follow a linear Conv2D whose output nothing else uses, not '{maker.name}'"
        )
    return str(maker.name)


def _inputs(layer: Any) -> list[Any]:
    return layer.input if isinstance(layer.input, list) else [layer.input]


def _copy(layer: Any) -> Any:
    """The layer untrained; one with weights gets a bias, to hold a folded shift."""
    config = layer.get_config() | {"dtype": "float32"}
    if isinstance(layer, _WEIGHTED):
        config["use_bias"] = True
    return type(layer).from_config(config)


def _call(layer: Any, inputs: Any, **_: Any) -> Any:
    return inputs if isinstance(layer, _REMOVED) else layer(inputs)


def _weights(layer: Any) -> Weights:
    """Kernel and bias; a missing bias is zero."""
    kernel, *bias = layer.get_weights()
    return [kernel, *(bias or [np.zeros(kernel.shape[-1], np.float32)])]


def _scaled(weights: Weights, normalisation: Any) -> Weights:
    """Kernel and bias that also do what the batch normalisation does, computed in float64."""
    kernel, bias = (w.astype(np.float64) for w in weights)
    channels = kernel.shape[-1]
    gamma = _values(normalisation.gamma) if normalisation.scale else np.ones(channels)
    beta = _values(normalisation.beta) if normalisation.center else np.zeros(channels)
    scale = gamma / np.sqrt(_values(normalisation.moving_variance) + normalisation.epsilon)
    shift = beta + (bias - _values(normalisation.moving_mean)) * scale
    return [(kernel * scale).astype(np.float32), shift.astype(np.float32)]


def _values(variable: Any) -> npt.NDArray[np.float64]:
    return np.asarray(variable.numpy(), np.float64)
