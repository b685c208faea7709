"""A candidate's process: asked for turns over a pipe, or run to its end."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from select import select
from typing import Any, Final

from benchmarks.candidates.environments import PROJECT, UnavailableError, outside_environment

LIMIT: Final = 300.0
"""Seconds that a candidate may take for an answer."""


class FilmReader:
    """A process that reads the film when it is its turn, and waits on a pipe meanwhile."""

    def __init__(self, command: Sequence[str]) -> None:
        """Returns once the first frame was read; raises `UnavailableError`."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        began = time.monotonic()
        try:
            self._process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=outside_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
            )
        except OSError as error:
            self._errors.close()
            raise UnavailableError(f"cannot be started: {error}") from None
        self._unread = b""
        try:
            self.about = self._answer()
        except UnavailableError:
            self.close()
            raise
        self.about["start_up"] = self.about.pop("started") - began

    def turn(self, seconds: float) -> dict[str, Any]:
        """What whole loops of the film took, for at least so long; raises `UnavailableError`."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # why it has ended is told below
            self._process.stdin.write(f"{seconds}\n".encode())
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

    def _answer(self) -> dict[str, Any]:
        """The next line of JSON; what a library prints besides is passed over."""
        stream, until = self._process.stdout, time.monotonic() + LIMIT
        assert stream is not None
        while True:
            while b"\n" in self._unread:
                line, _, self._unread = self._unread.partition(b"\n")
                with suppress(ValueError):
                    answer = json.loads(line)
                    if isinstance(answer, dict):
                        return answer
            if not select([stream], [], [], max(0.0, until - time.monotonic()))[0]:
                raise UnavailableError(f"no answer after {LIMIT:.0f} seconds")
            read = stream.read(65536)
            if not read:
                raise UnavailableError(f"failed: {self._last_words()}")
            self._unread += read

    def _last_words(self) -> str:
        status = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        return said[-1] if said else f"ended with {status}"


def last_line(command: Sequence[str], given: str) -> dict[str, Any]:
    """The JSON in the last line that a program prints; raises `UnavailableError`."""
    try:
        done = subprocess.run(
            command,
            cwd=PROJECT,
            env=outside_environment(),
            input=given,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except OSError as error:
        raise UnavailableError(f"cannot be started: {error}") from None
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"not done after {LIMIT:.0f} seconds") from None
    printed = done.stdout.strip().splitlines()
    if done.returncode or not printed:
        said = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        raise UnavailableError(f"failed: {said[-1]}")
    result: dict[str, Any] = json.loads(printed[-1])
    return result
