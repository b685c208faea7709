"""Events as lines: for programs (one JSON object a line) and for people."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import stat
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from select import select
from typing import Final

from agent.errors import AgentError
from agent.feedback.queued import QueuedSink
from agent.quiet import duplicate
from agent.types import EmotionEvent

logger = logging.getLogger(__name__)

_STDOUT: Final = 1
_WELL_AGAIN: Final = 50  # events in a row


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
            self._before = b"\n" if written else self._before  # should the rest of it fail
        self._before = b""

    def release(self) -> None:
        self._stream.close()


class JsonLinesSink(LineSink):
    """One JSON object a line, appended to a file; `-` is standard output.

    A file that was moved away or deleted, as logs are rotated, is begun anew. What goes wrong (a
    full disk) is told once, and each further event tries again; a pipe or a device is given up.
    """

    def __init__(self, target: str, health: Callable[[str], None] = lambda _: None) -> None:
        """`health` is told `ok`, or what ails the file."""
        self.name = "standard output" if target == "-" else target
        self.lost = 0
        """Events that could not be written, until writing goes well again."""
        self._in_a_row = 0
        self._health = health
        self._path = Path(target)
        stream = _duplicate(_STDOUT) if target == "-" else _open_for_append(self._path)
        self._is_file = target != "-" and stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
        super().__init__(stream, self._is_file and _is_cut_off(self._path))

    @staticmethod
    def line(event: EmotionEvent) -> str:
        return json.dumps(event.as_dict())

    def deliver(self, event: EmotionEvent) -> None:
        try:
            if self._is_file and not self._is_there():
                self._begin_anew()
            super().deliver(event)
        except (OSError, AgentError) as error:
            if not self._is_file:
                raise
            self._miss(error)
            return
        self._in_a_row += 1
        # On a disk that is almost full some can be written: that is no end of the trouble.
        if self.lost and self._in_a_row >= _WELL_AGAIN:
            logger.info("%s is written again; %d events are not in it", self.name, self.lost)
            self._health("ok")
            self.lost = 0

    def _is_there(self) -> bool:
        """Whether the open file still has its name."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._stream.fileno()))
        except FileNotFoundError:
            return False
        except OSError:  # nobody knows
            return True

    def _begin_anew(self) -> None:
        stream, self._stream = self._stream, _open_for_append(self._path)
        stream.close()
        self._before = b""

    def _miss(self, error: OSError | AgentError) -> None:
        words = getattr(error, "strerror", None) or str(error)
        if not self.lost:
            logger.warning("%s is not written: %s; trying again", self.name, words)
            self._health(f"not written: {words}")
        self.lost += 1
        self.dropped += 1
        self._in_a_row = 0


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
