"""Loads Keras with the framework behind it, without the chatter that TensorFlow starts with."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agent.quiet import output_hidden
from training.errors import TrainingError

_VARIABLE: Final = "KERAS_BACKEND"
_TENSORFLOW: Final = "tensorflow"
_BACKENDS: Final = (_TENSORFLOW, "jax", "torch")
"""Those of Keras's backends that train."""


def load_keras() -> Any:
    """The `keras` module on TensorFlow, or on what `KERAS_BACKEND` names; takes seconds at first.

    Raises `ModuleNotFoundError` where Keras or TensorFlow is not installed, and `TrainingError`
    where the environment asks for a backend that cannot be had.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    wanted = os.environ.setdefault(_VARIABLE, _TENSORFLOW)
    if wanted not in _BACKENDS:
        raise TrainingError(
            f"{_VARIABLE}={wanted}: cannot train; the backends are {', '.join(_BACKENDS)}"
        )
    if wanted != _TENSORFLOW:
        # Keras would load it where it is installed, to seed it and to open files by it: no import
        # of it succeeds from here on.
        sys.modules.setdefault(_TENSORFLOW, None)  # type: ignore[arg-type]  # as Python documents
    try:
        # The log level does not reach what the C++ library prints while it is being loaded.
        with output_hidden():
            import keras  # noqa: PLC0415  # only now is the environment set
    except ModuleNotFoundError as error:
        if wanted == _TENSORFLOW or (error.name or "").partition(".")[0] != wanted:
            raise
        raise TrainingError(
            f"{_VARIABLE}={wanted}: {wanted} is not installed; pip install {wanted}"
        ) from None
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


def save_model(model: Any, folder: Path, plan: Mapping[str, Any] | None = None) -> Path:
    """Write `model.keras` into a folder, whole or not at all, and its `plan.json` if given; returns
    the path of the first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / "draft.keras"
    model.save(draft)
    if plan is not None:
        (folder / "plan.json").write_text(json.dumps(plan, indent=2) + "\n")
    return draft.replace(folder / "model.keras")


def load_keras_to_convert() -> Any:
    """The `keras` module on TensorFlow, whose converters do the work; raises as `load_keras`."""
    wanted = os.environ.get(_VARIABLE, _TENSORFLOW)
    if wanted != _TENSORFLOW:
        raise TrainingError(
            f"{_VARIABLE}={wanted}: only TensorFlow converts models; unset it for this command "
            "(a .keras file is the same whatever trained it)"
        )
    return load_keras()
