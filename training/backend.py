"""Loads Keras with TensorFlow behind it, without the chatter that TensorFlow starts with."""

from __future__ import annotations

import os
from typing import Any

from agent.quiet import output_hidden


def load_keras() -> Any:
    """The `keras` module; the first call takes seconds and may raise `ModuleNotFoundError`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # The log level does not reach what the C++ library prints while it is being loaded.
    with output_hidden():
        import keras  # noqa: PLC0415  # only now is the environment set
    return keras
