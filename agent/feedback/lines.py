"""Events as lines: for programs (one JSON object a line) and for people."""

from __future__ import annotations

import errno
import io
import json
import os
from abc import abstractmethod
from pathlib import Path
from select import select
from typing import Final

from agent.errors import AgentError
from agent.feedback.queued import QueuedSink
from agent.quiet import duplicate
from agent.types import EmotionEvent

_STDOUT: Final = 1


class LineSink(QueuedSink):
    """Writes each event as a line, unbuffered.

    A buffered stream would be locked by a worker that hangs in a write, and Python could not exit.
    """

    def __init__(self, stream: io.RawIOBase, within_line: bool = False) -> None:
        """`within_line`: what is there already has no end of a line behind it."""
        self._stream = stream
        self._before = b"\n" if within_line else b""
        super().__init__()

    @staticmethod
    @abstractmethod
    def line(event: EmotionEvent) -> str:
        """The event as a line, without its end."""

    def deliver(self, event: EmotionEvent) -> None:
        left = memoryview(self._before + (self.line(event) + "\n").encode())
        while left:
            written = self._stream.write(left)
            if written is None:  # another program has told this terminal not to wait
                select([], [self._stream], [])
            left = left[written or 0 :]
        self._before = b""

    def release(self) -> None:
        self._stream.close()


class JsonLinesSink(LineSink):
    """One JSON object a line, appended to a file; `-` is standard output."""

    def __init__(self, target: str) -> None:
        self.name = "standard output" if target == "-" else target
        if target == "-":
            super().__init__(_duplicate(_STDOUT))
        else:
            super().__init__(_open_for_append(Path(target)), _is_cut_off(Path(target)))

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
        # Without waiting, as the opening of a pipe would do until somebody reads.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        is_unread = error.errno == errno.ENXIO and path.is_fifo()
        problem = "nobody reads this pipe" if is_unread else error.strerror or error
        raise AgentError(f"events.file: cannot write {path}: {problem}") from None
    os.set_blocking(descriptor, True)
    return io.FileIO(descriptor, "w")


def _is_cut_off(path: Path) -> bool:
    """Whether a file ends within a line, as a power cut or a full disk leaves it."""
    try:
        if not path.is_file() or not path.stat().st_size:
            return False
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read() != b"\n"
    except OSError:  # it may be one that can only be written
        return False


def _duplicate(descriptor: int) -> io.FileIO:
    return io.FileIO(duplicate(descriptor), "w")
