"""What a person or systemd asks of the agent by signals."""

from __future__ import annotations

import errno
import os
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
    """Take note of SIGINT, SIGTERM (stop) and SIGHUP (reload, or stop where the terminal that this
    was started from has closed, unless `nohup` was there); the former handlers come back.
    """
    asked = Signals()
    ends_with_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_DFL and _has_terminal()

    def note(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and (not ends_with_terminal or _has_terminal()):
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


def _has_terminal() -> bool:
    """Whether there is a terminal whose closing would tell this process; see tty(4)."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError as error:
        return error.errno not in (errno.ENXIO, errno.ENOENT)
    return True
