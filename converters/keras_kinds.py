"""Keras files and SavedModels of other people as float32 TFLite files.

TFLite's converter takes nearly every layer, folded or not; that is why networks that the project's
own conversion refuses can be used all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from agent.errors import ModelError
from converters.keras_file import read_keras_file


def as_tflite(path: Path) -> bytes:
    """The network for one picture; raises `ModelError` for a file that cannot be loaded or
    converted.
    """
    owner, call, shape = _saved_model(path) if path.is_dir() else _keras(path)
    if any(size is None for size in shape):
        raise ModelError(f"{path}: the size of its input is open; it must be fixed")

    @tf.function(input_signature=[tf.TensorSpec((1, *shape), tf.float32, name="image")])  # type: ignore[untyped-decorator]
    def network(image: Any) -> dict[str, Any]:
        return {"answers": call(image)}

    try:
        concrete = network.get_concrete_function()
        return bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete], owner).convert())
    except Exception as error:  # the converter raises errors of many kinds, some with pages of text
        reason = " ".join(str(error).strip().partition("\n")[0].split())
        raise ModelError(f"{path}: cannot be converted to TFLite: {reason}") from None


Loaded = tuple[Any, Callable[[Any], Any], list[Any]]
"""What holds the weights, how it is called, and the shape of one picture."""


def _keras(path: Path) -> Loaded:
    model = read_keras_file(path)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelError(f"{path}: has {len(model.inputs)} inputs and {len(model.outputs)} outputs")
    owner = tf.Module()  # the converter saves the variables of what it is given
    owner.variables_used = [variable.value for variable in model.variables]
    return owner, lambda image: model(image, training=False), list(model.inputs[0].shape[1:])


def _saved_model(path: Path) -> Loaded:
    try:
        owner = tf.saved_model.load(str(path))
        signature = owner.signatures["serving_default"]
        ((name, entry),) = signature.structured_input_signature[1].items()
        (output,) = signature.structured_outputs
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).strip().partition("\n")[0].split())
        raise ModelError(
            f"{path}: not a SavedModel with one input and one output in its signature "
            f"serving_default: {reason}"
        ) from None
    return owner, lambda image: signature(**{name: image})[output], list(entry.shape[1:])
