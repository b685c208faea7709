"""Notices that the wall clock was set.

A board without a battery starts in 1970, or where it ended, and learns the time from the network.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

_LEAST: Final = 60.0  # seconds; what is less may be drift, which does no harm
_DAY: Final = timedelta(days=1)


class ClockJumps:
    """By how much the clock was set, beyond the time that has passed.

    >>> wall, steady = iter([10.0, 2000.0]), iter([0.0, 5.0])
    >>> ClockJumps(lambda: next(wall), lambda: next(steady)).newest()
    1985.0
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` may be set by anybody, `steady` by nobody; both in seconds."""
        self._clock = clock
        self._steady = steady
        self._ahead = self._now_ahead()

    def newest(self) -> float:
        """Seconds by which the clock was set since the last call; 0 where it was not."""
        ahead = self._now_ahead()
        jump = ahead - self._ahead
        if abs(jump) < _LEAST:
            return 0.0
        self._ahead = ahead
        return jump

    def _now_ahead(self) -> float:
        return self._clock() - self._steady()


class BelievedDate:
    """The date, for deleting what is too old: a leap of more than a day is believed when it has
    lasted for a day. A clock that a wrong server set years ahead is often right again in an hour,
    and what is deleted by then is gone for good.

    >>> steady, noon = iter([0.0, 60.0, 90_000.0]), datetime(2026, 5, 4, 12)
    >>> date = BelievedDate(noon, lambda: next(steady))
    >>> str(date.at(noon + timedelta(days=1000)))
    '2026-05-04 12:01:00'
    >>> date.at(noon + timedelta(days=1001)) == noon + timedelta(days=1001)
    True
    """

    def __init__(self, last: datetime | None, steady: Callable[[], float] = time.monotonic) -> None:
        """`last` is the date that the clock told last, before the start; None believes the first.
        `steady` tells seconds and is set by nobody.
        """
        self._steady = steady
        self._last = last
        self._noted = steady()
        self._leapt: float | None = None

    def at(self, told: datetime) -> datetime:
        """The date to go by where the clock tells `told`; it is never later than that."""
        now = self._steady()
        if self._last is not None:
            expected = self._last + timedelta(seconds=now - self._noted)
            if abs(told - expected) > _DAY:
                self._leapt = now if self._leapt is None else self._leapt
                if now - self._leapt < _DAY.total_seconds():
                    return min(told, expected)
        self._last, self._noted, self._leapt = told, now, None
        return told
