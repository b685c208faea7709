"""Events as lines: for programs (one JSON object a line) and for people."""

from __future__ import annotations

import io
import json
import os
from abc import abstractmethod
from pathlib import Path
from typing import Final

from agent.errors import AgentError
from agent.feedback.queued import QueuedSink
from agent.types import EmotionEvent

_STDOUT: Final = 1


class LineSink(QueuedSink):
    """Writes each event as a line, unbuffered.

    A buffered stream would be locked by a worker that hangs in a write, and Python could not exit.
    """

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream
        super().__init__()

    @staticmethod
    @abstractmethod
    def line(event: EmotionEvent) -> str:
        """The event as a line, without its end."""

    def deliver(self, event: EmotionEvent) -> None:
        left = memoryview((self.line(event) + "\n").encode())
        while left:
            left = left[self._stream.write(left) or 0 :]

    def release(self) -> None:
        self._stream.close()


class JsonLinesSink(LineSink):
    """One JSON object a line, appended to a file; `-` is standard output."""

    def __init__(self, target: str) -> None:
        self.name = "standard output" if target == "-" else target
        super().__init__(_duplicate(_STDOUT) if target == "-" else _open_for_append(Path(target)))

    @staticmethod
    def line(event: EmotionEvent) -> str:
        return json.dumps(event.as_dict())


class TerminalSink(LineSink):
    """One readable line an event, to an open file descriptor (which stays open)."""

    name = "terminal"

    def __init__(self, descriptor: int) -> None:
        super().__init__(_duplicate(descriptor))

    @staticmethod
    def line(event: EmotionEvent) -> str:
        return readable(event)


def readable(event: EmotionEvent) -> str:
    """An event in words: local time, track, and what it shows."""
    clock = event.time.astimezone().strftime("%H:%M:%S")
    face = f"{clock}  face {event.track}"
    if event.type == "ended":
        return f"{face}: gone (was {event.emotion})"
    shown = f"{event.emotion} ({event.reason})" if event.reason else event.emotion
    sure = "" if event.reason else f"  {100 * event.confidence:.0f} %"
    before = f", was {event.previous}" if event.previous else ""
    return f"{face}: {shown}{sure}{before}"


def _open_for_append(path: Path) -> io.FileIO:
    try:
        return path.open("ab", buffering=0)
    except OSError as error:
        raise AgentError(f"events.file: cannot write {path}: {error.strerror or error}") from None


def _duplicate(descriptor: int) -> io.FileIO:
    return io.FileIO(os.dup(descriptor), "w")
