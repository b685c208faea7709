"""How long each emotion was shown, hour by hour: a table beside the events, kept as they come.

A million events answer in milliseconds this way; the table has nine rows an hour at most.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final, Literal

from agent.clock_jumps import ClockJumps
from agent.feedback.open_history import reading

By = Literal["hour", "day"]

_SCHEMA: Final = """
create table if not exists hours (
    hour text not null,
    emotion text not null,
    events integer not null,
    seconds real not null,
    primary key (hour, emotion)
) without rowid
"""
_ADD: Final = """
insert into hours (hour, emotion, events, seconds) values (?, ?, ?, ?)
on conflict do update set events = events + excluded.events, seconds = seconds + excluded.seconds
"""
_VERSION: Final = 1  # of the file; 0 has no table of hours
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Stint:
    """One face showing one emotion for a while."""

    track: int
    emotion: str
    begin: datetime
    end: datetime

    def by_hour(self) -> Iterator[tuple[datetime, float]]:
        """The seconds in each hour (its beginning) that it touches."""
        hour, begin = _hour_of(self.begin), self.begin
        while begin < self.end:
            end = min(self.end, hour + _HOUR)
            yield hour, (end - begin).total_seconds()
            hour, begin = hour + _HOUR, end


class Stints:
    """Puts stints together from events in their order.

    >>> stints, noon = Stints(), datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
    >>> stints.take(1, "started", "neutral", noon)
    >>> stints.take(1, "ended", "neutral", noon + timedelta(seconds=5)).emotion
    'neutral'
    """

    def __init__(self) -> None:
        self.open: dict[int, tuple[str, datetime]] = {}
        """What each track shows, and since when."""

    def take(self, track: int, kind: str, emotion: str, time: datetime) -> Stint | None:
        """The stint that this event ends, if any. A track that starts anew while it is open was
        left by an agent that died: nobody knows when that stint ended, so it is none.
        """
        before = self.open.pop(track, None)
        if kind != "ended":
            self.open[track] = emotion, time
        if before is None or kind == "started" or time < before[1]:
            return None
        return Stint(track, before[0], before[1], time)

    def shift(self, seconds: float) -> None:
        """The clock was set: what is open began so much later by it."""
        by = timedelta(seconds=seconds)
        for track, (emotion, begin) in self.open.items():
            self.open[track] = emotion, begin + by


class HourTable:
    """The table of an open history. Every method raises `sqlite3.Error`."""

    def __init__(self, database: sqlite3.Connection, jumps: ClockJumps | None = None) -> None:
        """Makes the table, and fills it where the file is from before there was one."""
        self._database = database
        self._jumps = jumps or ClockJumps()
        self._stints = Stints()
        if _version(database) >= _VERSION:
            return
        with database:
            database.execute("begin immediate")
            database.execute(_SCHEMA)
            rows = ((*key, *sums) for key, sums in _summed(database).items())
            database.executemany(_ADD, rows)
            database.execute(f"pragma user_version={_VERSION}")

    def take(self, track: int, kind: str, emotion: str, time: datetime) -> None:
        """Count an event, within the caller's transaction."""
        # Or a face that came before the clock was set would have been there since 1970.
        if jump := self._jumps.newest():
            self._stints.shift(jump)
        rows = _counted(self._stints, track, kind, emotion, time)
        self._database.executemany(_ADD, rows)

    def prune(self, before: datetime) -> None:
        """Delete the hours that have ended by then, within the caller's transaction."""
        self._database.execute("delete from hours where hour < ?", (_text(_hour_of(before)),))


@dataclass
class Bucket:
    """An hour or a day."""

    begin: datetime
    """An hour in UTC; a day from midnight where this machine is."""
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """How long each emotion was shown, all faces together; of stints that have ended."""
    events: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Decisions for each emotion: events `started` and `changed`."""


def read_shares(path: Path, by: By, since: datetime, until: datetime) -> list[Bucket]:
    """The buckets that hold anything, the oldest first; whole hours that begin in the given time.

    Raises `NoHistoryError`, or `AgentError` where it cannot be read.
    """
    with reading(path) as database:
        rows = _hours(database, _text(_hour_of(since)), _text(until))
    buckets: dict[datetime, Bucket] = {}
    for hour, emotion, events, seconds in rows:
        begin = datetime.fromisoformat(hour)
        if by == "day":
            begin = datetime.combine(begin.astimezone().date(), datetime.min.time()).astimezone()
        bucket = buckets.setdefault(begin, Bucket(begin))
        bucket.events[emotion] += events
        bucket.seconds[emotion] += seconds
    return [buckets[begin] for begin in sorted(buckets)]


_Row = tuple[str, str, int, float]


def _hours(database: sqlite3.Connection, since: str, until: str) -> list[_Row]:
    if _version(database) < _VERSION:  # nothing was written since the agent became a newer one
        summed = _summed(database).items()
        return [(*key, *sums) for key, sums in sorted(summed) if since <= key[0] < until]
    select = "select hour, emotion, events, seconds from hours where hour >= ? and hour < ?"
    return database.execute(f"{select} order by hour, emotion", (since, until)).fetchall()


def _summed(database: sqlite3.Connection) -> dict[tuple[str, str], tuple[int, float]]:
    """The whole table, put together from all events."""
    stints = Stints()
    sums: dict[tuple[str, str], tuple[int, float]] = {}
    select = "select track, type, emotion, time from events order by number"
    for track, kind, emotion, text in database.execute(select):
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
        for hour, name, events, seconds in _counted(stints, track, kind, emotion, time):
            before = sums.get((hour, name), (0, 0.0))
            sums[hour, name] = before[0] + events, before[1] + seconds
    return sums


def _counted(stints: Stints, track: int, kind: str, emotion: str, time: datetime) -> Iterator[_Row]:
    """What an event adds to the table."""
    stint = stints.take(track, kind, emotion, time)
    if kind != "ended":
        yield _text(_hour_of(time)), emotion, 1, 0.0
    if stint is not None:
        for hour, seconds in stint.by_hour():
            yield _text(hour), stint.emotion, 0, seconds


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("pragma user_version").fetchone()[0])


def _hour_of(time: datetime) -> datetime:
    return time.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)


def _text(time: datetime) -> str:
    """UTC to the second, as the column `hour` has it: sorts as the times do."""
    return time.astimezone(timezone.utc).isoformat(timespec="seconds")
