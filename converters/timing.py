"""How long each engine takes for one face, side by side in one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time
from typing import Final

import numpy as np
import numpy.typing as npt

from agent.runtimes.runtime import EmotionRuntime

_ROUNDS: Final = 200
_WARM_UP: Final = 5


@dataclass(frozen=True)
class Milliseconds:
    """Medians for one face, preprocessing and calibration included."""

    elapsed: float
    """By the clock; other work on the machine makes it longer."""
    processor: float
    """Processor time of all threads; other work hardly changes it."""


def side_by_side(
    runtimes: Sequence[EmotionRuntime], crops: npt.NDArray[np.uint8]
) -> list[Milliseconds]:
    """Let all runtimes read one face in turn, again and again, so that whatever else the machine
    does meets all of them alike.
    """
    for runtime in runtimes:
        for index in range(_WARM_UP):
            runtime.predict(crops[index % len(crops)][np.newaxis])
    taken: list[list[tuple[float, float]]] = [[] for _ in runtimes]
    for turn in range(_ROUNDS):
        crop = crops[turn % len(crops)][np.newaxis]
        for runtime, times in zip(runtimes, taken, strict=True):
            clock, work = perf_counter(), process_time()
            runtime.predict(crop)
            times.append((perf_counter() - clock, process_time() - work))
    return [
        Milliseconds(
            elapsed=1000 * median(clock for clock, _ in times),
            processor=1000 * median(work for _, work in times),
        )
        for times in taken
    ]
