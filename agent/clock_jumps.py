"""Notices that the wall clock was set.

A board without a battery starts in 1970, or where it ended, and learns the time from the network.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_LEAST: Final = 60.0  # seconds; what is less may be drift, which does no harm


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
