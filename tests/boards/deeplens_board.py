"""A DeepLens as far as it can be had: the project unpacked into an empty folder, and run.

Real: Python 3.7 where it is at hand, the zip and nothing else of the project, greengrasssdk,
OpenCV, OpenVINO on a real IR. `tests/boards/deeplens` stands in for camera, optimizer and core.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from tests.old_python import UnavailableError, installed, interpreter, quiet
from tests.patience import PATIENCE

HERE: Final = Path(__file__).resolve().parent
THING: Final = "hall"


def python_3_7() -> Path:
    """Python 3.7 with what the board has; raises `UnavailableError` where there is none."""
    base = interpreter("3.7")
    if base is None:
        raise UnavailableError("no Python 3.7 on the search path or from pyenv")
    return installed("deeplens-python-3.7", HERE / "deeplens-python-3.7.txt", base)


class Board:
    """A run of the function; leaving the context ends it."""

    def __init__(self, folder: Path, function: bytes, python: Path | str = sys.executable) -> None:
        self._folder = folder
        self._python = python
        self.artifacts = folder / "artifacts"
        self.fifo = folder / "results.mjpeg"
        self.log = folder / "log"
        self._spool = folder / "spool"
        self._process: subprocess.Popen[bytes] | None = None
        self.artifacts.mkdir()
        self._spool.touch()
        (folder / "function.zip").write_bytes(function)
        with zipfile.ZipFile(folder / "function.zip") as archive:
            archive.extractall(folder / "function")
        self._own_aplay()

    def deploy(self, archive: bytes) -> None:
        """Unpack the model archive where the optimizer looks."""
        path = self._folder / "model.tar.gz"
        path.write_bytes(archive)
        with tarfile.open(path) as packed:
            packed.extractall(self.artifacts, filter="data")

    def start(self, film: Path, restart: float, **environment: str) -> None:
        """Import the function, which runs it."""
        search = os.pathsep.join([str(self._folder / "function"), str(HERE / "deeplens")])
        given = {
            "AWS_IOT_THING_NAME": THING,
            "BOARD_ARTIFACTS": str(self.artifacts),
            "BOARD_FILM": str(film),
            "BOARD_SPOOL": str(self._spool),
            "EMOTION_AGENT_DISPLAY": str(self.fifo),
            "EMOTION_AGENT_RESTART_SECONDS": str(restart),
            "MY_FUNCTION_ARN": "arn:aws:lambda:region:1:function:deeplens",
            "PATH": f"{self._folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": search,
            **environment,
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._python, "-c", "import lambda_function"],
                cwd=self._folder,
                env=quiet() | given,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def messages(self) -> list[dict[str, Any]]:
        """What was published, as topic, payload and policy."""
        whole = self._spool.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The payloads of one type."""
        return [m["payload"] for m in self.messages() if m["payload"]["type"] == kind]

    def sounds(self) -> list[str]:
        """What `aplay` was asked to play."""
        played = self._folder / "played"
        return played.read_text().splitlines() if played.exists() else []

    def wait(self, until: Callable[[], Any]) -> None:
        """Wait for something to be so, while the function runs."""
        end = time.monotonic() + PATIENCE
        while not until():
            assert self._process is not None
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)

    def _own_aplay(self) -> None:
        """A player that only notes what it was to play: there is no sound device here."""
        program = self._folder / "bin" / "aplay"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\necho "$@" >> "{self._folder}/played"\n')
        program.chmod(0o755)

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
