"""A model with ONNX files, and machines to run it on."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.emotion.manifest import Manifest
from tests.gpus.machine import cudart, cudart_file, machine

__all__ = ["cudart", "cudart_file", "machine"]


@pytest.fixture(scope="session")
def onnx_model(tiny: tuple[Path, Manifest]) -> tuple[Path, Manifest]:
    """The model with its ONNX files alone; not to be changed."""
    folder, manifest = tiny
    files = [file for file in manifest.files if file.runtime == "onnx"]
    return folder, manifest.model_copy(update={"files": files})
