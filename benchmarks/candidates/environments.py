"""An environment for each candidate below build/peers, made once from pinned hashes.

Nothing of it enters the agent's own environment. What cannot be had (no network, no wheel for this
machine, no Node) is a reason, not a failure: the other candidates still run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[2]
BUILD: Final = PROJECT / "build" / "peers"
NODE: Final = PROJECT / "benchmarks" / "candidates" / "face_api"

_NO_SOURCES: Final = "--only-binary=:all:"
"""Nothing is compiled, so nothing runs before its hash was checked."""


class UnavailableError(Exception):
    """A candidate that cannot run here; the message says why in one line."""


@dataclass(frozen=True)
class Environment:
    """What a candidate runs with."""

    name: str
    """Of the lock file below requirements/peers, and of the folder below build/peers."""

    @property
    def folder(self) -> Path:
        return BUILD / self.name

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def make(self, report: Callable[[str], None]) -> None:
        """Install what the lock file names, unless that is done; raises `UnavailableError`."""
        lock = PROJECT / "requirements" / "peers" / f"{self.name}.lock"
        if self._is_made_from(lock):
            return
        report(f"installing {self.name} into {self.folder.relative_to(PROJECT)}")
        shutil.rmtree(self.folder, ignore_errors=True)
        self._run([sys.executable, "-m", "venv", "--without-pip", str(self.folder)])
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet"]
        self._run([*pip, "--require-hashes", "--no-deps", _NO_SOURCES, "-r", str(lock)])
        self._note(lock)

    def _is_made_from(self, lock: Path) -> bool:
        made = self.folder / ".made"
        return made.is_file() and made.read_text() == _digest(lock)

    def _note(self, lock: Path) -> None:
        (self.folder / ".made").write_text(_digest(lock))

    def _run(self, command: list[str], cwd: Path | None = None) -> None:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
        if done.returncode:
            said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
            wrong = [line for line in said if line.lower().startswith(("error", "npm err"))]
            raise UnavailableError(f"cannot be installed: {(wrong or said or ['no word'])[0]}")


@dataclass(frozen=True)
class NodeEnvironment(Environment):
    """Packages of npm, by the integrity hashes in `package-lock.json`."""

    @property
    def modules(self) -> Path:
        return self.folder / "node_modules"

    def make(self, report: Callable[[str], None]) -> None:
        if shutil.which("node") is None or shutil.which("npm") is None:
            raise UnavailableError("needs Node.js 20 or newer with npm, which is not installed")
        lock = NODE / "package-lock.json"
        if self._is_made_from(lock):
            return
        report(f"installing {self.name} into {self.folder.relative_to(PROJECT)}")
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(NODE / name, self.folder / name)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund"]
        self._run(["npm", "ci", *quiet], cwd=self.folder)
        self._note(lock)


def outside_environment() -> dict[str, str]:
    """The environment variables of this process without those of its own Python."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    return {key: value for key, value in os.environ.items() if key not in hidden}


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()
