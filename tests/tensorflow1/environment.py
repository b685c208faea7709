"""An environment with TensorFlow 1 under `build/`, made once from packages pinned by SHA-256.

No registry that pip, apt or npm reads has Python 3.6 or 3.7, so one of them must be on the machine:
on the search path, or installed by pyenv (`pyenv install 3.6.15`).
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

HERE: Final = Path(__file__).resolve().parent
BUILD: Final = HERE.parents[1] / "build"

RELEASES: Final = {"1.4.1": "3.6", "1.15.5": "3.7"}
"""TensorFlow releases and the Python that each runs on, the one that DeepLens has first."""

_INSTALL_LIMIT: Final = 580.0  # seconds; 110 MB for 1.15.5


class UnavailableError(Exception):
    """TensorFlow 1 cannot be had on this machine; the message says why, in one line."""


class Answer(NamedTuple):
    """What TensorFlow 1 made of the pictures."""

    tensorflow: str
    python: str
    probabilities: npt.NDArray[np.float32]


def environment(release: str | None = None) -> Path:
    """The Python of an environment with that release, or with the first that can be had."""
    if platform.machine() != "x86_64":
        raise UnavailableError(f"TensorFlow 1 has no wheels for {platform.machine()}")
    wanted = [release] if release else list(RELEASES)
    for name in wanted:
        python = _interpreter(RELEASES[name])
        if python is not None:
            return _installed(name, python)
    versions = " or ".join(RELEASES[name] for name in wanted)
    raise UnavailableError(
        f"no Python {versions} on the search path or from pyenv (pyenv install 3.6.15)"
    )


def run_graph(python: Path, graph: Path, crops: npt.NDArray[np.uint8]) -> Answer:
    """Ask the graph about N x side x side crops; raises `RuntimeError` with what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "crops.npy"), Path(folder, "probabilities.npy")
        np.save(given, crops)
        command = [python, HERE / "run_graph.py", graph, given, found]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=_quiet())
        if done.returncode:
            raise RuntimeError(f"TensorFlow 1 refused {graph}:\n{done.stderr[-2000:]}")
        versions = json.loads(done.stdout.splitlines()[-1])
        return Answer(**versions, probabilities=np.load(found))


def _interpreter(version: str) -> Path | None:
    for candidate in _candidates(version):
        told = subprocess.run(
            [candidate, "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if told.returncode == 0 and told.stdout.strip() == version:
            return candidate
    return None


def _candidates(version: str) -> Iterator[Path]:
    found = shutil.which(f"python{version}")
    if found:
        yield Path(found)  # may be a pyenv shim that answers only with an error
    root = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    yield from sorted(root.glob(f"versions/{version}.*/bin/python"), reverse=True)


def _installed(release: str, interpreter: Path) -> Path:
    """Make the environment where it is missing; put in its place only when it is whole."""
    folder = BUILD / f"tensorflow-{release}"
    python = folder / "bin" / "python"
    if python.exists():
        return python
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=BUILD) as name:
        draft = Path(name, "environment")
        requirements = HERE / f"tensorflow-{release}.txt"
        _call(interpreter, "-m", "venv", draft)
        pip = (draft / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps")
        _call(*pip, "--disable-pip-version-check", "--require-hashes", "-r", requirements)
        try:
            draft.rename(folder)
        except OSError:  # another process was faster
            if not python.exists():
                raise
    return python


def _call(*command: str | Path) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_INSTALL_LIMIT, env=_quiet()
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UnavailableError(f"TensorFlow 1 could not be installed: {last}")


def _quiet() -> dict[str, str]:
    """The caller's environment without what would lead an old Python to new packages."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    return kept | {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONWARNINGS": "ignore"}
