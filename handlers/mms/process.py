"""A server that consists of several processes, started and stopped as one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.errors import AgentError

_GRACE: Final = 5.0
"""Seconds to leave by itself before it is killed."""
_TELLING: Final = ("error", "exception", "refused", "denied", "not ", "invalid", "fail")
"""Words by which the line of a log is found that says what went wrong."""
_HARMLESS: Final = ("[INFO", "[WARN", "[DEBUG")


class ServerProcess:
    """A command as the leader of its own process group, its output in a file.

    A model server leaves its children behind when only its first process ends.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, variables: Mapping[str, str], log: Path
    ) -> None:
        """Start it in `folder`; raises `AgentError` where the command or the log cannot be opened.

        `variables` come on top of this process's own, less those that would mislead a server.
        """
        self.log = log
        environment = {k: v for k, v in os.environ.items() if k not in _MISLEADING}
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("wb") as output:
                self._process = subprocess.Popen(
                    command,
                    cwd=folder,
                    env=environment | dict(variables),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise AgentError(f"{error.filename or command[0]}: {error.strerror or error}") from None

    @property
    def alive(self) -> bool:
        """Whether the first process still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the first process, and of the group."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return once `ready` says so; raises `AgentError` with the log's own words where the
        server ends before, or the time is over.
        """
        until = time.monotonic() + seconds
        while not ready():
            if not self.alive:
                raise AgentError(f"the server ended while it started: {self.reason()}")
            if time.monotonic() > until:
                raise AgentError(f"the server gave no answer in {seconds:.0f} s: {self.reason()}")
            time.sleep(0.1)

    def reason(self) -> str:
        """The last line of the log that tells of a failure, and where the log is."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines()]
        grave = [line for line in lines if not any(level in line for level in _HARMLESS)]
        telling = [line for line in grave if any(word in line.lower() for word in _TELLING)]
        return f"{telling[-1]} ({self.log})" if telling else f"see {self.log}"

    def stop(self, grace: float = _GRACE) -> None:
        """End all processes of the group; what does not leave in `grace` seconds is killed, and all
        of it at once where the wait is interrupted: who presses Ctrl-C twice wants it gone.
        """
        try:
            self._signal(signal.SIGTERM)
            if not self._gone(grace):
                self._signal(signal.SIGKILL)
                self._gone(grace)
        except BaseException:
            self._signal(signal.SIGKILL)
            raise
        self._process.wait()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):  # all have ended
            os.killpg(self.pid, number)

    def _gone(self, seconds: float) -> bool:
        """Whether all processes of the group end within some seconds."""
        until = time.monotonic() + seconds
        while members(self.pid):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True


def members(group: int) -> list[int]:
    """The processes of a group that run; what has ended and waits for its parent does not count,
    as the first process of a container may never ask.
    """
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, owner = file.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # it has just ended
            continue
        if int(owner) == group and state != "Z":
            found.append(int(file.parent.name))
    return found


_MISLEADING: Final = frozenset({"PYTHONPATH", "PYTHONHOME", "MMS_CONFIG_FILE", "TS_CONFIG_FILE"})
