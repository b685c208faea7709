"""Runs the agent as systemd does, and hears what it tells systemd."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from types import TracebackType

import pytest
from typing_extensions import Self

from tests.patience import PATIENCE


class Line:
    """The socket that systemd listens at, and all that came in."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self.messages: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while message := self._socket.recv(4096).decode():
            self.messages.append(message)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self.path))
        self._socket.close()

    def count(self, message: str) -> int:
        return self.messages.count(message)

    @property
    def status(self) -> str:
        """What `systemctl status` would show."""
        shown = (line for m in reversed(self.messages) for line in m.splitlines())
        return next((s.removeprefix("STATUS=") for s in shown if s.startswith("STATUS=")), "")


class SupervisedAgent:
    """`emotion-agent run` with a settings file, under a watchdog of so many seconds; its state is
    in the same folder, or in another.
    """

    def __init__(
        self, folder: Path, settings: str, watchdog: float = 2.0, state: Path | None = None
    ) -> None:
        self.folder = folder
        self.file = folder / "agent.toml"
        self.log = folder / "log"
        self.file.write_text(settings)
        self.line = Line(folder)
        environment = {
            "STATE_DIRECTORY": str(state or folder),
            "NOTIFY_SOCKET": str(self.line.path),
            "WATCHDOG_USEC": str(round(watchdog * 1e6)),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agent.cli", "run", "--config", str(self.file)],
                env=os.environ | environment,
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        self.line.close()

    def until(self, wanted: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait until a condition holds; the log tells why it never did."""
        until = time.monotonic() + seconds
        while not wanted():
            if time.monotonic() > until or self.process.poll() is not None:
                shown = self.line.messages[-5:]
                pytest.fail(f"in vain; told {shown}; log:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.02)

    def until_ready(self) -> None:
        self.until(lambda: self.line.count("READY=1") > 0)

    def until_fed(self, times: int = 2) -> None:
        """Wait until the watchdog has been fed again, so many times."""
        before = self.line.count("WATCHDOG=1")
        self.until(lambda: self.line.count("WATCHDOG=1") >= before + times)

    def until_told(self, words: str, times: int = 1) -> None:
        """Wait until the log has these words, so many times."""
        self.until(lambda: self.log.read_text().count(words) >= times)

    def reload(self, settings: str) -> None:
        """New settings, taken up as `systemctl reload` asks for it; returns when that is over."""
        self.file.write_text(settings)
        before = self.line.count("READY=1")
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: self.line.count("READY=1") > before)

    def stop(self) -> int:
        """Stop it as systemd does; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)
