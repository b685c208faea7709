"""Loads Keras with TensorFlow behind it, without the chatter that TensorFlow starts with."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

from agent.quiet import output_hidden
from training.errors import TrainingError


def load_keras() -> Any:
    """The `keras` module; the first call takes seconds and may raise `ModuleNotFoundError`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # The log level does not reach what the C++ library prints while it is being loaded.
    with output_hidden():
        import keras  # noqa: PLC0415  # only now is the environment set
    return keras


def load_model(path: Path) -> Any:
    """The Keras model in a file `*.keras`; raises `TrainingError` for one that holds none."""
    keras = load_keras()
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever reads its parts raises its own
        reason = str(error).strip().partition("\n")[0]
        if path.is_file() and not zipfile.is_zipfile(path):
            reason = "damaged, cut off, or something else"  # Keras says that there is no such file
        raise TrainingError(f"{path}: not a Keras model ({reason})") from None
