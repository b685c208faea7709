"""Environments of Pythons that are no longer made, below `build/`, from packages pinned by SHA-256.

No registry that pip, apt or npm reads has Python 3.6 or 3.7, so one of them must be on the machine:
on the search path, or installed by pyenv (`pyenv install 3.7.16`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.alone import alone

BUILD: Final = Path(__file__).resolve().parents[1] / "build"

_INSTALL_LIMIT: Final = 580.0  # seconds; 110 MB for TensorFlow 1.15.5


class UnavailableError(Exception):
    """What a test needs cannot be had on this machine; the message says why, in one line."""


def interpreter(version: str) -> Path | None:
    """A Python of that version (`3.7`) that can make environments."""
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


def installed(name: str, requirements: Path, base: Path) -> Path:
    """The Python of `build/NAME`; made where it is missing, put in its place only when it is whole.

    Raises `UnavailableError` where the packages cannot be installed.
    """
    folder = BUILD / name
    python = folder / "bin" / "python"
    with alone(BUILD / f".{name}.lock"):
        if not python.exists():
            _make(folder, requirements, base)
    return python


def _make(folder: Path, requirements: Path, base: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=BUILD) as scratch:
        draft = Path(scratch, "environment")
        _call(base, "-m", "venv", draft)
        pip = (draft / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps")
        _call(*pip, "--disable-pip-version-check", "--require-hashes", "-r", requirements)
        draft.rename(folder)


def _call(*command: str | Path) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_INSTALL_LIMIT, env=quiet()
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UnavailableError(f"its packages could not be installed: {last}")


def quiet() -> dict[str, str]:
    """The caller's environment without what would lead an old Python to new packages."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    return kept | {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONWARNINGS": "ignore"}
