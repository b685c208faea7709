"""Whether the agent has lasted: what it held and lost, against bounds that are stated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.soak.events import Events
from benchmarks.soak.faults import KINDS, Outcome
from benchmarks.soak.process import Held

WARM_UP: Final = (0.2, 120.0, 900.0)
"""Libraries take what they will hold in this share of the run; at least and at most so many
seconds of it are left out of the slope."""
JUDGED: Final = 300.0
"""Seconds after warm-up without which a slope says nothing and is not judged."""
GROWTH: Final = 1.0
"""MB that memory may grow by an hour; a shorter run may grow by as much in all, as the slope of
minutes is mostly noise."""
THREADS: Final = 2
"""More threads than at the beginning that may be left: pools of libraries that start on demand."""
HANDLES: Final = 8
"""More open files and sockets that may be left."""
FILES: Final = 4
"""More files in the state folder that may be left: SQLite's logs and indexes come and go."""
_BLOCK: Final = 10.0  # seconds of samples that become one point of the fit


@dataclass(frozen=True)
class Sample:
    """What the agent held at one moment."""

    at: float
    """Seconds after the start."""
    held: Held


@dataclass(frozen=True)
class Line:
    """One line of the verdict."""

    what: str
    found: str
    bound: str
    passed: bool


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """The median of the slopes between all pairs of points (Theil 1950, Sen 1968).

    >>> slope([0, 1, 2, 3], [5.0, 7.0, 90.0, 11.0])
    2.0
    """
    time, value = np.asarray(times, float), np.asarray(values, float)
    later, earlier = np.triu_indices(len(time), 1)[::-1]
    return float(np.median((value[later] - value[earlier]) / (time[later] - time[earlier])))


def steady(samples: Sequence[Sample]) -> tuple[list[float], list[float]]:
    """Time in hours and memory in MB after warm-up, as medians over ten seconds each."""
    share, least, most = WARM_UP
    warm = min(max(share * samples[-1].at, least), most)
    blocks: dict[int, list[Sample]] = {}
    for sample in samples:
        if sample.at >= warm:
            blocks.setdefault(int(sample.at / _BLOCK), []).append(sample)
    times = [float(np.median([s.at for s in block])) / 3600 for block in blocks.values()]
    memory = [float(np.median([s.held.memory for s in block])) for block in blocks.values()]
    return times, memory


def judge(
    samples: Sequence[Sample], end: Held, outcomes: Sequence[Outcome], events: Events, status: int
) -> list[Line]:
    """Every bound, and whether it was kept. `samples` begin before the first fault; `end` is what
    the agent held after the last; `status` is the agent's exit status.
    """
    begin = samples[0].held
    lost = sum(outcome.recovery is None for outcome in outcomes)
    unnoticed = sum(not outcome.noticed for outcome in outcomes)
    return [
        Line("faults not recovered", str(lost), "0", lost == 0),
        Line("faults not noticed", str(unnoticed), "0", unnoticed == 0),
        Line("events lost", str(events.lost), "0", events.lost == 0),
        Line("events decided", str(events.decided), "at least 1", events.decided > 0),
        _memory(samples),
        _count("threads", begin.threads, end.threads, THREADS),
        _count("handles", begin.handles, end.handles, HANDLES),
        _count("state files", begin.files, end.files, FILES),
        Line("exit status", str(status), "0", status == 0),
    ]


def _memory(samples: Sequence[Sample]) -> Line:
    times, memory = steady(samples)
    hours = times[-1] - times[0] if times else 0.0
    if hours * 3600 < JUDGED:
        return Line("memory slope", "-", f"after {JUDGED:.0f} s of warm run", passed=True)
    grown = slope(times, memory)
    bound = GROWTH / min(hours, 1.0)
    return Line("memory slope", f"{grown:+.2f} MB/h", f"under {bound:.2f} MB/h", grown < bound)


def _count(what: str, begin: int, end: int, more: int) -> Line:
    return Line(what, f"{begin} -> {end}", f"at most +{more}", end <= begin + more)


def table(outcomes: Sequence[Outcome], events: Events, lines: Sequence[Line]) -> str:
    """What is printed at the end."""
    rows = [f"{'fault':14}{'made':>6}{'recovered':>11}{'median s':>10}{'longest s':>11}"]
    for kind in KINDS:
        mine = [outcome for outcome in outcomes if outcome.kind == kind.name]
        took = [outcome.recovery for outcome in mine if outcome.recovery is not None]
        times = f"{np.median(took):10.1f}{max(took):11.1f}" if took else f"{'-':>10}{'-':>11}"
        why = f"  not made: {kind.missing}" if kind.missing else ""
        rows.append(f"{kind.name:14}{len(mine):6}{len(took):11}{times}{why}")
    rows += ["", _became(events), "", f"{'bound':22}{'found':>16}   allowed"]
    for line in lines:
        word = "ok" if line.passed else "FAILED"
        rows.append(f"{line.what:22}{line.found:>16}   {line.bound:28}{word}")
    return "\n".join(rows)


def _became(events: Events) -> str:
    return (
        f"events: {events.decided} decided, {events.written} written, {events.received} by the "
        f"broker ({events.waiting} wait on disk, {events.repeated} came twice), {events.stored} in "
        f"the history, {events.shown} on the page"
    )


def store(
    path: Path,
    samples: Sequence[Sample],
    outcomes: Sequence[Outcome],
    events: Events,
    lines: Sequence[Line],
) -> None:
    """Keep all of it as JSON."""
    found = {
        "samples": [{"at": round(s.at, 2), **s.held._asdict()} for s in samples],
        "faults": [asdict(outcome) for outcome in outcomes],
        "events": asdict(events) | {"lost": events.lost},
        "verdict": [asdict(line) for line in lines],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1))
