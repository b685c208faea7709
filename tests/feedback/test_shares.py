"""How long each emotion was shown by hour and day, and the bars of a timeline."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from agent.clock_jumps import ClockJumps
from agent.emotion.labels import EMOTIONS
from agent.errors import AgentError
from agent.feedback.history import HistoryFile
from agent.feedback.open_history import NoHistoryError
from agent.feedback.shares import Bucket, By, read_shares
from agent.feedback.timeline import Bar, read_timeline
from agent.types import Box, EmotionEvent, EventType

NOON = datetime(2026, 5, 4, 12, 0, 0, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
Happening = tuple[float, int, EventType, str]
"""Seconds after noon, track, type and emotion."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def event(seconds: float, track: int, kind: EventType, emotion: str) -> EmotionEvent:
    return EmotionEvent(
        id=f"{seconds}-{track}",
        type=kind,
        time=NOON + timedelta(seconds=seconds),
        device="hall",
        source="demo",
        frame=0,
        track=track,
        box=Box(10, 20, 99, 101),
        emotion=emotion,
        previous="surprise" if kind == "changed" else None,
        confidence=0.9,
        probabilities=dict.fromkeys(EMOTIONS, 0.125),
        reason=None,
        latency_ms=12.34,
        model="fer-compact@1.0.0",
    )


def record(path: Path, *happenings: Happening) -> None:
    file = HistoryFile(path)
    for happening in happenings:
        file.add(event(*happening))
    file.close()


def shares(path: Path, by: By = "hour", hours: float = 48) -> list[Bucket]:
    return read_shares(path, by, NOON - 24 * HOUR, NOON + hours * HOUR)


def test_an_emotion_counts_until_the_next_one_or_the_end_of_its_track(path: Path) -> None:
    record(
        path,
        (0, 1, "started", "neutral"),
        (5, 2, "started", "fear"),
        (10, 1, "changed", "happiness"),
        (25, 2, "ended", "fear"),
        (40, 1, "ended", "happiness"),
    )
    (bucket,) = shares(path)
    assert bucket.begin == NOON
    assert bucket.seconds == {"neutral": 10, "happiness": 30, "fear": 20}
    assert {name: n for name, n in bucket.events.items() if n} == {
        "neutral": 1,
        "happiness": 1,
        "fear": 1,
    }


def test_what_lasts_over_the_hour_counts_in_both(path: Path) -> None:
    record(path, (3000, 1, "started", "sadness"), (7300, 1, "ended", "sadness"))
    assert [(b.begin - NOON, b.seconds["sadness"]) for b in shares(path)] == [
        (0 * HOUR, 600),
        (1 * HOUR, 3600),
        (2 * HOUR, 100),
    ]


def test_what_an_agent_that_died_left_open_counts_nothing(path: Path) -> None:
    record(path, (0, 1, "started", "anger"))
    record(path, (900, 1, "started", "neutral"), (910, 1, "ended", "neutral"))
    (bucket,) = shares(path)
    assert (bucket.seconds["anger"], bucket.seconds["neutral"]) == (0, 10)


def test_a_face_that_came_before_the_clock_was_set_was_not_there_since_1970(path: Path) -> None:
    passed = 100.0
    wall = passed  # a board without a battery: the clock begins in 1970
    file = HistoryFile(path, ClockJumps(lambda: wall, lambda: passed))
    file.add(event(wall - NOON.timestamp(), 1, "started", "neutral"))
    passed += 20
    wall = NOON.timestamp() + 60
    file.add(event(60, 1, "changed", "fear"))
    passed, wall = passed + 5, wall + 5
    file.add(event(65, 1, "ended", "fear"))
    file.close()
    (bucket,) = shares(path)
    assert bucket.seconds == {"neutral": 20, "fear": 5}
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select count(*) from hours").fetchone()[0] < 5


@pytest.mark.usefixtures("berlin")
def test_days_are_those_of_the_place(path: Path) -> None:
    # 21:59 and 22:01 UTC lie on two sides of Berlin's midnight.
    late = 9 * 3600 + 59 * 60
    record(path, (late, 1, "started", "fear"), (late + 120, 1, "ended", "fear"))
    days = shares(path, "day")
    assert [(b.begin.isoformat(), b.seconds["fear"]) for b in days] == [
        ("2026-05-04T00:00:00+02:00", 60),
        ("2026-05-05T00:00:00+02:00", 60),
    ]


def test_only_the_hours_asked_for_are_told(path: Path) -> None:
    record(path, *((3600 * n, 1, "changed", "neutral") for n in range(6)))
    told = read_shares(path, "hour", NOON + 1.5 * HOUR, NOON + 4 * HOUR)
    assert [bucket.begin - NOON for bucket in told] == [1 * HOUR, 2 * HOUR, 3 * HOUR]


def test_a_file_from_before_the_table_is_told_and_then_filled(path: Path) -> None:
    record(path, (0, 1, "started", "neutral"), (3700, 1, "changed", "fear"))
    record(path, (3720, 1, "started", "neutral"), (3723, 1, "ended", "neutral"))
    new = shares(path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("drop table hours")
        database.execute("pragma user_version=0")
    assert shares(path) == new
    HistoryFile(path).close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select count(*) from hours").fetchone()[0] >= 3
    assert shares(path) == new


def test_hours_go_when_the_events_do(path: Path) -> None:
    record(path, *((3600 * n, 1, "changed", "neutral") for n in range(6)))
    file = HistoryFile(path)
    file.prune(NOON + 3 * HOUR, 1 << 40)
    file.close()
    assert [bucket.begin - NOON for bucket in shares(path)] == [3 * HOUR, 4 * HOUR, 5 * HOUR]


def test_a_history_that_is_not_there_is_told(path: Path) -> None:
    with pytest.raises(AgentError, match="no history yet"):
        shares(path)


def test_bars_end_where_the_next_begins_and_begin_where_the_view_does(path: Path) -> None:
    record(
        path,
        (-50, 3, "started", "surprise"),
        (10, 1, "started", "neutral"),
        (20, 3, "changed", "fear"),
        (30, 1, "changed", "happiness"),
        (40, 3, "ended", "fear"),
        (99, 1, "ended", "happiness"),
    )
    timeline = read_timeline(path, NOON, NOON + timedelta(seconds=60))
    assert timeline.complete
    assert [_plain(bar) for bar in timeline.bars] == [
        (3, "surprise", 0, 20),
        (1, "neutral", 10, 30),
        (3, "fear", 20, 40),
        (1, "happiness", 30, None),
    ]


def _plain(bar: Bar) -> tuple[int, str, float, float | None]:
    end = None if bar.end is None else (bar.end - NOON).total_seconds()
    return bar.track, bar.emotion, (bar.begin - NOON).total_seconds(), end


def test_a_timeline_of_too_many_events_has_the_newest(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.feedback.timeline._MOST", 3)
    record(path, *((n, 1, "changed", "neutral") for n in range(9)))
    timeline = read_timeline(path, NOON, NOON + HOUR)
    assert not timeline.complete
    # What showed before the first of the three is known by its `previous`.
    assert [_plain(bar)[3] for bar in timeline.bars] == [6, 7, 8, None]


def test_a_history_without_anything_in_it_yet_is_none(path: Path) -> None:
    with pytest.raises(NoHistoryError):
        read_timeline(path, NOON, NOON + HOUR)
    path.touch()  # made, and not yet filled
    with pytest.raises(NoHistoryError):
        read_timeline(path, NOON, NOON + HOUR)
