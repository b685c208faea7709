"""Candidates that take turns, so that each meets the same fast and slow stretches of the machine.

A machine's speed may change twofold within a minute. Times taken one after the other then say more
about the minute than about the candidate; those of two neighbouring turns can be compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, quantiles
from typing import Any, NamedTuple, Protocol

from benchmarks.candidates.environments import UnavailableError


class Turn(NamedTuple):
    """What one candidate did in one of its turns."""

    name: str
    did: Mapping[str, Any]
    """See `measuring.read_film`."""

    @property
    def milliseconds(self) -> float:
        """Processor time of a frame."""
        return float(self.did["milliseconds"] / self.did["frames"])


class Reader(Protocol):
    """Reads the film when it is its turn."""

    def turn(self, seconds: float) -> dict[str, Any]:
        """Read for so long; raises `UnavailableError`."""


def order(names: Sequence[str], rounds: int, reference: str) -> Iterator[str]:
    """Whose turn it is: all in each round, the reference (if it is there) also between any two.

    >>> " ".join(order(["a", "b", "c"], 2, "a"))
    'a b a c a b a c a'
    >>> " ".join(order(["b", "c"], 2, "a"))
    'b c b c'
    """
    others = [name for name in names if name != reference] or [reference]
    between = reference in names and others != [reference]
    for _ in range(rounds):
        for name in others:
            if between:
                yield reference
            yield name
    if between:
        yield reference


def take_turns(
    readers: Mapping[str, Reader], rounds: int, seconds: float, reference: str
) -> tuple[list[Turn], dict[str, str]]:
    """All turns as they came, and why a candidate took no more of them."""
    turns: list[Turn] = []
    reasons: dict[str, str] = {}
    for name in order(list(readers), rounds, reference):
        if name in reasons:
            continue
        try:
            turns.append(Turn(name, readers[name].turn(seconds)))
        except UnavailableError as error:
            reasons[name] = str(error)
    return turns, reasons


def ratios(turns: Sequence[Turn], reference: str) -> dict[str, list[float]]:
    """Of each turn the time of a frame over that of the reference in its turns just before and
    after, by candidate; the reference's own tell how even the machine was.
    """
    places = [i for i, turn in enumerate(turns) if turn.name == reference]
    found: dict[str, list[float]] = defaultdict(list)
    for i, turn in enumerate(turns):
        before = [turns[place] for place in places if place < i][-1:]
        after = [turns[place] for place in places if place > i][:1]
        if before or after:
            beside = fmean(one.milliseconds for one in before + after)
            found[turn.name].append(turn.milliseconds / beside)
    return dict(found)


def summed(turns: Sequence[Turn], over: Sequence[float]) -> dict[str, Any]:
    """All turns of one candidate as one row. `over` are its ratios, half of which lie from `low` to
    `high`.
    """
    frames = sum(turn.did["frames"] for turn in turns)
    stages: Counter[str] = Counter()
    faces: Counter[str] = Counter()
    emotions: Counter[str] = Counter()
    for turn in turns:
        stages.update(turn.did["stages"])
        faces.update(turn.did["faces"])
        emotions.update(turn.did["emotions"])
    row = {
        "frames": frames,
        "milliseconds": sum(turn.did["milliseconds"] for turn in turns) / frames,
        "stages": {name: total / frames for name, total in stages.items()},
        "faces": dict(faces),
        "emotions": dict(emotions),
        "peak_memory_mb": turns[-1].did["peak_memory_mb"],
        "turns": [turn.milliseconds for turn in turns],
    }
    if over:
        row["ratios"] = list(over)
        low, middle, high = quantiles(list(over) * (1 if len(over) > 1 else 2), method="inclusive")
        row["ratio"] = {"median": middle, "low": low, "high": high}
    return row
