"""What each face showed and when, out of the history: the bars of a timeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from agent.feedback.history import as_text
from agent.feedback.open_history import reading
from agent.feedback.shares import Stints

_MOST: Final = 8_000  # events a timeline is made of, the newest; some 80 ms


@dataclass(frozen=True)
class Bar:
    """One face showing one emotion."""

    track: int
    emotion: str
    begin: datetime
    end: datetime | None
    """None if the history knows no end: the face shows it still, or the agent died."""


@dataclass(frozen=True)
class Timeline:
    """The bars of a time, the oldest first."""

    bars: list[Bar]
    complete: bool
    """False if there were too many events and only the newest are here."""


def read_timeline(path: Path, since: datetime, until: datetime) -> Timeline:
    """The bars between two times; what began before `since` begins there.

    Raises `NoHistoryError`, or `AgentError` where it cannot be read.
    """
    with reading(path) as database:
        rows = database.execute(
            "select track, type, emotion, json_extract(event, '$.previous'), time from events "
            "where time >= ? and time < ? order by time desc, number desc limit ?",
            (as_text(since), as_text(until), _MOST + 1),
        ).fetchall()
    complete = len(rows) <= _MOST
    return Timeline(_bars(list(reversed(rows[:_MOST])), since), complete)


def _bars(rows: list[tuple[int, str, str, str | None, str]], since: datetime) -> list[Bar]:
    stints = Stints()
    bars: list[Bar] = []
    seen: set[int] = set()
    for track, kind, emotion, previous, text in rows:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
        if track not in seen and kind != "started":
            stints.open[track] = previous or emotion, since
        seen.add(track)
        stint = stints.take(track, kind, emotion, time)
        if stint is not None:
            bars.append(Bar(track, stint.emotion, stint.begin, stint.end))
    bars += [Bar(track, emotion, begin, None) for track, (emotion, begin) in stints.open.items()]
    return sorted(bars, key=lambda bar: bar.begin)
