"""One run of a user's program: text to its standard input, a time limit, and what it prints."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from select import select
from threading import Lock
from time import monotonic, sleep
from typing import Final

from agent.layers import ENVIRONMENT_PREFIX

logger = logging.getLogger(__name__)

_GLANCE: Final = 0.02  # seconds between two looks at whether it has ended
_READ: Final = 4096  # bytes
_PIPE: Final = 16  # reads that empty a full pipe
_LINES: Final = 100  # of its output that are logged
_LINE: Final = 300  # characters of a line that are logged
_OURS: Final = ("CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")
"""What systemd tells the agent alone."""


class Run:
    """A program that has been started; belongs to one thread, but for `kill`."""

    def __init__(self, command: Sequence[str]) -> None:
        """Starts it, in a process group of its own and without the agent's secrets.

        Raises `OSError` where that fails.
        """
        self._process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
        )
        self._lock = Lock()
        self._output = _Output()

    def finish(self, text: str, limit: float) -> str | None:
        """Give it a text of at most some kilobytes, and wait for its end.

        After `limit` seconds it is killed. Returns what went wrong, in words, or None.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        until = monotonic() + limit
        try:
            with suppress(BrokenPipeError):  # it need not read
                self._process.stdin.write(text.encode())
            self._process.stdin.close()
            if not self._follow(self._process.stdout.fileno(), until):
                self.kill()
                while not self._has_ended():
                    sleep(_GLANCE)
                return f"it had not ended after {limit:g} s and was killed"
        finally:
            self._process.stdout.close()
        return _failure(self._process.returncode, self._output.last)

    def kill(self) -> None:
        """Kill it and all that it has started in its group; for any thread."""
        with self._lock:  # it must not be reaped meanwhile: its number would be free for others
            if self._process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def _follow(self, output: int, until: float) -> bool:
        """Log its output until it ends (True) or time is up (False)."""
        is_open = True
        while not self._has_ended():
            left = min(_GLANCE, until - monotonic())
            if left <= 0:
                return False
            if not is_open:
                sleep(left)
            elif select([output], [], [], left)[0]:
                is_open = self._output.take(os.read(output, _READ))
        # Something that it left running may hold the pipe: only what is there now counts.
        for _ in range(_PIPE):
            if not select([output], [], [], 0)[0]:
                break
            if not self._output.take(os.read(output, _READ)):
                break
        self._output.take(b"")
        return True

    def _has_ended(self) -> bool:
        with self._lock:
            return self._process.poll() is not None


class _Output:
    """What a program prints, as debug lines of the log."""

    def __init__(self) -> None:
        self.last = ""
        """The last line that is not empty."""
        self._lines = 0
        self._unread = b""

    def take(self, data: bytes) -> bool:
        """Take what was read; False for the end."""
        *lines, self._unread = (self._unread + data).split(b"\n")
        if not data or len(self._unread) > _READ:
            lines.append(self._unread)
            self._unread = b""
        for line in lines:
            text = line.decode(errors="replace").strip()[:_LINE]
            self._log("".join(filter(str.isprintable, text)))  # no colours, no bells
        return bool(data)

    def _log(self, line: str) -> None:
        if not line:
            return
        self.last = line
        self._lines += 1
        if self._lines <= _LINES:
            logger.debug("feedback.command says: %s", line)
        elif self._lines == _LINES + 1:
            logger.debug("feedback.command says more, which is not shown")


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ENVIRONMENT_PREFIX) and name not in _OURS
    }


def _failure(status: int, last_line: str) -> str | None:
    if status == 0:
        return None
    said = f": {last_line}" if last_line else ""
    if status > 0:
        return f"it ended with status {status}{said}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"it was killed by {name}{said}"
