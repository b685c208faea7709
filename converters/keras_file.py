"""Reads the trained model that a conversion starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import keras

from agent.emotion.labels import EMOTIONS
from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError


def load_keras_file(path: Path, classes: int = len(EMOTIONS)) -> Any:
    """The Keras model in the file: side x side x 1 in, a logit for each class out.

    A softmax at the end is taken away. Raises `ModelError`, naming the file, where it is missing,
    no Keras model, or of other shapes.
    """
    model = read_keras_file(path)
    _check_shapes(path, model, classes)
    return _without_softmax(model)


def read_keras_file(path: Path) -> Any:
    """Any Keras model, from a `.keras` or an `.h5` file; raises `ModelError` naming the file."""
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    if path.suffix != ".h5" and not (path.suffix == ".keras" and is_zipfile(path)):
        raise ModelError(f"{path}: not a .keras or .h5 file, as `model.save` writes it")
    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises errors of many kinds, some with pages of text
        reason = " ".join(str(error).partition("\n")[0].split())
        raise ModelError(f"{path}: not a Keras model that can be loaded: {reason}") from None
    return model


def classes_of(path: Path) -> int:
    """How many outputs the model in the file has; raises `ModelError` as `read_keras_file` does."""
    shape = read_keras_file(path).outputs[0].shape
    return int(shape[-1])


def _without_softmax(model: Any) -> Any:
    """The same network up to its logits."""
    last = model.layers[-1]
    if isinstance(last, keras.layers.Softmax):
        return keras.Model(model.inputs, last.input, name=model.name)
    if getattr(last, "activation", None) is keras.activations.softmax:
        if not isinstance(last, keras.layers.Dense):
            return keras.Model(model.inputs, last.input, name=model.name)
        last.activation = keras.activations.linear
    return model


def preprocessing_of(model: Any, values: tuple[float, float] | None = None) -> Preprocessing:
    """The preprocessing at the model's input size: the project's own, or with the range `values`
    that black and white shall become.
    """
    side = model.inputs[0].shape[1]
    return Preprocessing(side) if values is None else Preprocessing.to_range(side, *values)


def _check_shapes(path: Path, model: Any, classes: int) -> None:
    shapes = [tuple(t.shape[1:]) for t in (*model.inputs, *model.outputs)]
    square = len(shapes) == 2 and len(shapes[0]) == 3 and shapes[0][0] == shapes[0][1] is not None
    if not square or shapes[0][2] != 1 or shapes[1] != (classes,):
        found = ", ".join(" x ".join(map(str, shape)) for shape in shapes)
        raise ModelError(
            f"{path}: inputs and outputs are {found}; expected side x side x 1 and {classes} logits"
        )
