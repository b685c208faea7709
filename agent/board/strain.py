"""Less work, step by step, while the board is hot or short of memory.

A board that throttles itself is slow at a moment of its own choosing, and one without memory loses
the agent to the kernel. Leaving out frames costs little: the decisions are made over time anyway.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from agent.board import readings

logger = logging.getLogger(__name__)

STRIDES: Final = (1, 2, 4, 8)
"""By the level of strain: one frame in so many is worked on."""

_EVERY: Final = 5.0
"""Seconds between two looks at the board."""
_BELOW_LIMIT: Final = (5.0, 0.0, -5.0)
"""Degrees under the kernel's own limit at which each level begins."""
USUAL_LIMIT: Final = 85.0
"""Degrees, where the kernel names no limit: a Raspberry Pi's, and near that of most boards."""
_RELIEF: Final = 4.0
"""Degrees that it must cool down below a level to leave it."""
LITTLE_MEMORY: Final = (0.10, 0.06, 0.03)
"""Shares of available memory below which each level begins."""
_MEMORY_RELIEF: Final = 0.03
LITTLE_DISK: Final = 50_000_000
"""Bytes: below, a history and an outbox have little room left."""


@dataclass(frozen=True)
class Load:
    """What the board shows at one moment; None is unknown."""

    temperature: readings.Temperature | None
    memory: readings.Memory | None
    disk: int | None


def read_load(folder: Path | None) -> Load:
    """The board now; `folder` is where the agent keeps its state, if it keeps any."""
    disk = readings.free_disk(folder) if folder is not None else None
    return Load(readings.temperature(), readings.memory(), disk)


class Strain:
    """Says how much is to be left out, and why.

    >>> strain = Strain(lambda: Load(None, readings.Memory(100, 5), None))
    >>> strain.look(0.0)
    >>> strain.stride
    4
    """

    def __init__(self, read: Callable[[], Load]) -> None:
        self._read = read
        self._looked_at: float | None = None
        self._warm = self._tight = 0
        self.ailments: dict[str, str] = {}
        """By part, what to tell of it; `ok` where it had ailed before."""

    @property
    def stride(self) -> int:
        """One frame in so many is to be worked on."""
        return STRIDES[max(self._warm, self._tight)]

    def look(self, now: float | None = None) -> None:
        """Read the board, if it is time; `now` in seconds of a monotonic clock."""
        now = monotonic() if now is None else now
        if self._looked_at is not None and now - self._looked_at < _EVERY:
            return
        self._looked_at = now
        load, before = self._read(), self.stride
        self._judge_temperature(load.temperature)
        self._judge_memory(load.memory)
        little = load.disk is not None and load.disk < LITTLE_DISK
        self._tell("disk", f"{(load.disk or 0) / 1e6:.0f} MB left" if little else None)
        if self.stride != before:
            level = logging.WARNING if self.stride > before else logging.INFO
            reasons = [words for words in self.ailments.values() if words != "ok"]
            logger.log(
                level,
                "one frame in %d is worked on (%s)",
                self.stride,
                "; ".join(reasons) or "the board is well again",
            )

    def _judge_temperature(self, found: readings.Temperature | None) -> None:
        over = found.degrees - (found.limit or USUAL_LIMIT) if found else -1000.0
        begun = [over >= -below for below in _BELOW_LIMIT]
        kept = [over >= -below - _RELIEF for below in _BELOW_LIMIT]
        self._warm = max(sum(begun), min(self._warm, sum(kept)))
        words = f"{found.degrees:.0f} °C ({found.zone})" if found and self._warm else None
        self._tell("temperature", words)

    def _judge_memory(self, found: readings.Memory | None) -> None:
        share = found.share if found else 1.0
        begun = [share < limit for limit in LITTLE_MEMORY]
        kept = [share < limit + _MEMORY_RELIEF for limit in LITTLE_MEMORY]
        self._tight = max(sum(begun), min(self._tight, sum(kept)))
        self._tell("memory", f"{100 * share:.0f} % available" if self._tight else None)

    def _tell(self, part: str, words: str | None) -> None:
        if words is not None:
            self.ailments[part] = words
        elif part in self.ailments:
            self.ailments[part] = "ok"
