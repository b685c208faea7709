"""What a person or systemd asks of the agent by signals."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Signals:
    """What signals have asked for: plain flags, as a handler that wants a lock can interrupt the
    one who holds it, and wait for ever.
    """

    stop: bool = False
    reload: bool = False


@contextmanager
def noted_signals() -> Iterator[Signals]:
    """Take note of SIGINT, SIGTERM (stop) and SIGHUP (reload); the former handlers come back."""
    asked = Signals()

    def note(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            asked.reload = True
        else:
            asked.stop = True

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    former = {number: signal.signal(number, note) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
