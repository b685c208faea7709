"""Reads the trained model that a conversion starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import keras

from agent.emotion.labels import EMOTIONS
from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError


def load_keras_file(path: Path) -> Any:
    """The Keras model in the file: side x side x 1 in, eight logits out.

    Raises `ModelError`, naming the file, where it is missing, no Keras model, or of other shapes.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    if path.suffix != ".keras" or not is_zipfile(path):
        raise ModelError(f"{path}: not a .keras file, as `model.save` writes it")
    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises errors of many kinds, some with pages of text
        reason = " ".join(str(error).partition("\n")[0].split())
        raise ModelError(f"{path}: not a Keras model that can be loaded: {reason}") from None
    _check_shapes(path, model)
    return model


def preprocessing_of(model: Any) -> Preprocessing:
    """The project's preprocessing at the model's input size."""
    return Preprocessing(side=model.inputs[0].shape[1])


def _check_shapes(path: Path, model: Any) -> None:
    shapes = [tuple(t.shape[1:]) for t in (*model.inputs, *model.outputs)]
    square = len(shapes) == 2 and len(shapes[0]) == 3 and shapes[0][0] == shapes[0][1] is not None
    if not square or shapes[0][2] != 1 or shapes[1] != (len(EMOTIONS),):
        found = ", ".join(" x ".join(map(str, shape)) for shape in shapes)
        raise ModelError(
            f"{path}: inputs and outputs are {found}; "
            f"expected side x side x 1 and {len(EMOTIONS)} logits"
        )
