"""Runs a camera program of this folder as a process to kill, halt and start again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from tests.ports import free_port


class CameraProgram:
    """A camera on 127.0.0.1; it keeps its port when it is started again."""

    def __init__(self, name: str, *arguments: str, python: str = sys.executable) -> None:
        self._program = Path(__file__).parent / name  # a whole path is taken as it is
        self._arguments = arguments
        self._python = python
        self._process: subprocess.Popen[str] | None = None
        self.port = free_port()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, or wake it up where it was halted; returns when it answers."""
        if self._process is not None:
            self.go_on()
            return
        command = [self._python, str(self._program), str(self.port), *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        word, _, port = self._process.stdout.readline().partition(" ")
        assert word == "READY", f"{self._program.name} did not start"
        self.port = int(port)

    def kill(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def halt(self) -> None:
        """Stop it as a hung camera stops: connections stay open, nothing comes."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
