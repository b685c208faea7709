"""Fixtures that make any machine one with TensorRT and an NVIDIA GPU, as far as stand-ins can."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.runtimes.tensorrt import cuda
from tests.gpus.stand_in import stand_in

__all__ = ["cudart", "cudart_file", "machine"]

SOURCE = Path(__file__).with_name("cudart.c")


@pytest.fixture(scope="session")
def cudart_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in for libcudart, compiled."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: scripts/setup-system audio")
    path = tmp_path_factory.mktemp("cuda") / "libcudart.so"
    command = ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", str(SOURCE), "-o", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture
def cudart(cudart_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ctypes.CDLL]:
    """The stand-in, found in place of a real libcudart; nothing of it may be held at the end."""
    library = ctypes.CDLL(str(cudart_file))
    library.stand_in_reset()
    before = library.stand_in_held()
    monkeypatch.setattr(cuda, "library_places", lambda: iter([str(cudart_file)]))
    yield library
    library.stand_in_reset()
    assert library.stand_in_held() == before


@pytest.fixture
def machine(
    cudart: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[str], Any]:
    """Makes this a machine with that release of TensorRT, with a state folder of its own."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))

    def with_release(version: str) -> Any:
        module = stand_in(version)
        monkeypatch.setitem(sys.modules, "tensorrt", module)
        return module

    return with_release
