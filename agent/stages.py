"""How long each stage of the work takes; bounded, so that it can stay on for months."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

STAGES: Final = ("decode", "detect", "track", "crop", "classify", "decide")

_KEPT: Final = 4096  # newest durations kept per stage


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

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done inside."""
        began = perf_counter()
        try:
            yield
        finally:
            self.seconds[name].append(perf_counter() - began)

    def clear(self) -> None:
        """Forget all durations (after a warm-up)."""
        for durations in self.seconds.values():
            durations.clear()
