"""How long each stage of the work takes; bounded, so that it can stay on for months."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from time import perf_counter
from typing import Final

STAGES: Final = ("decode", "detect", "track", "crop", "classify", "decide")

_KEPT: Final = 4096  # newest durations kept per stage


BOUNDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Upper bounds of the histograms' buckets, in seconds; one more bucket takes what is longer."""


class Histogram:
    """How many durations fell into which bucket, of all there ever were.

    >>> histogram = Histogram()
    >>> histogram.add(0.015)
    >>> histogram.cumulated()[4:6], histogram.total
    ([0, 1], 0.015)
    """

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0
        """Sum of the durations in seconds."""

    def add(self, seconds: float) -> None:
        """Count a duration."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def cumulated(self) -> list[int]:
        """How many were at most as long as each bound; the last is how many there were."""
        return list(accumulate(self._counts))


class StageClock:
    """Durations of the stages, newest last.

    >>> clock = StageClock()
    >>> with clock.stage("detect"):
    ...     pass
    >>> len(clock.seconds["detect"])
    1
    """

    def __init__(self, kept: int | None = _KEPT) -> None:
        """Keep the newest `kept` durations of each stage; None keeps all."""
        self.seconds: dict[str, deque[float]] = {name: deque(maxlen=kept) for name in STAGES}
        self.histograms: dict[str, Histogram] = {name: Histogram() for name in STAGES}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done inside."""
        began = perf_counter()
        try:
            yield
        finally:
            took = perf_counter() - began
            self.seconds[name].append(took)
            self.histograms[name].add(took)

    def clear(self) -> None:
        """Forget all durations (after a warm-up)."""
        for durations in self.seconds.values():
            durations.clear()
