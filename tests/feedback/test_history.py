"""The history: what is kept, for how long, and what a sudden end or a bad disk does to it."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from agent.emotion.labels import EMOTIONS
from agent.errors import AgentError
from agent.feedback.history import HistoryFile, HistorySink, history_file
from agent.feedback.recorded import Selection, read_events
from agent.settings import HistorySettings
from agent.types import Box, EmotionEvent, EventType
from tests.brokers.watcher import wait_for

NOON = datetime(2026, 5, 4, 12, 0, 0, tzinfo=timezone.utc)
HUGE = 1 << 40


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return tmp_path


def event(
    number: int, emotion: str = "happiness", kind: EventType = "changed", track: int = 1
) -> EmotionEvent:
    """An event `number` seconds after noon."""
    return EmotionEvent(
        id=str(number),
        type=kind,
        time=NOON + timedelta(seconds=number),
        device="hall",
        source="demo",
        frame=number,
        track=track,
        box=Box(10, 20, 99, 101),
        emotion=emotion,
        previous=None,
        confidence=0.9346,
        probabilities=dict.fromkeys(EMOTIONS, 0.125),
        reason="turned" if emotion == "unknown" else None,
        latency_ms=12.34,
        model="fer-compact@1.0.0",
    )


def record(*events: EmotionEvent, now: datetime = NOON, **settings: float) -> HistorySink:
    sink = HistorySink(HistorySettings.model_validate(settings), "hall", lambda: now)
    for one in events:
        sink.publish(one)
    wait_for(lambda: sink.delivered == len(events))
    sink.close()
    return sink


def ids(selection: Selection | None = None) -> list[int]:
    return [int(one.id) for one in read_events(history_file("hall"), selection or Selection())]


def test_an_event_is_read_as_it_was_told() -> None:
    record(event(0), event(1, "unknown"))
    read = read_events(history_file("hall"), Selection())
    assert [one.as_dict() for one in read] == [event(0).as_dict(), event(1, "unknown").as_dict()]


def test_the_file_has_columns_to_ask_by() -> None:
    record(event(1, "unknown", "ended", 7))
    with sqlite3.connect(history_file("hall")) as database:
        row = database.execute(
            "select time, type, track, emotion, confidence, reason, event from events"
        ).fetchone()
    columns = ("2026-05-04T12:00:01.000Z", "ended", 7, "unknown", 0.9346, "turned")
    assert row[:6] == columns
    assert json.loads(row[6])["box"] == [10, 20, 99, 101]


def test_every_condition_selects() -> None:
    record(event(0), event(1, "fear"), event(2, kind="started"), event(3, track=2))
    one, three = NOON + timedelta(seconds=1), NOON + timedelta(seconds=3)
    assert ids(Selection(since=one, until=three)) == [1, 2]
    assert ids(Selection(emotion="fear")) == [1]
    assert ids(Selection(type="started")) == [2]
    assert ids(Selection(track=2)) == [3]
    assert ids(Selection(limit=2)) == [2, 3]
    assert ids(Selection(emotion="happiness", limit=2)) == [2, 3]
    assert ids(Selection(limit=9)) == [0, 1, 2, 3]
    assert ids(Selection(emotion="fear", track=2)) == []


def test_more_than_a_page_is_read_once_each_and_in_order_of_time() -> None:
    file = HistoryFile(history_file("hall"))
    for number in reversed(range(1203)):
        file.add(event(number // 3 * 3))  # three events share each time
    file.close()
    assert ids() == sorted(number // 3 * 3 for number in range(1203))
    assert ids(Selection(limit=700)) == ids()[-700:]


def test_it_is_read_while_it_is_written() -> None:
    file = HistoryFile(history_file("hall"))
    for number in range(501):
        file.add(event(number))
    reading = read_events(history_file("hall"), Selection())
    next(reading)
    file.add(event(501))
    assert file.prune(NOON + timedelta(seconds=200), HUGE)
    assert [int(one.id) for one in reading] == list(range(1, 502))
    assert ids() == list(range(200, 502))
    file.close()


def test_old_events_go_and_young_ones_stay() -> None:
    day = 86_400
    record(event(0), event(day), event(2 * day), now=NOON + timedelta(days=3.5), days=2)
    assert ids() == [2 * day]


def test_a_clock_that_leaps_years_ahead_for_a_while_costs_no_event() -> None:
    now = NOON
    sink = HistorySink(HistorySettings(), "hall", lambda: now)
    for count, date in enumerate((NOON, NOON + timedelta(days=1000), NOON)):
        now = date
        for number in range(60):
            sink.publish(replace(event(number), time=now))
        wait_for(lambda: sink.delivered == 60 * (count + 1))  # noqa: B023  # it waits here
    sink.close()
    assert len(ids()) == 180


def test_a_date_to_which_no_events_led_up_costs_none_after_a_start() -> None:
    def start(days: float) -> list[int]:
        now = NOON + timedelta(days=days)
        record(replace(event(round(days)), time=now), now=now, days=30)
        return ids()

    assert start(0) == [0]
    assert start(1000) == [0, 1000]  # a wrong time server
    assert start(1) == [0, 1, 1000]
    assert start(-900) == [-900, 0, 1, 1000]  # no time server yet
    assert start(2) == [-900, 0, 1, 2, 1000]
    assert start(3) == [0, 1, 2, 3, 1000]
    assert start(31) == [0, 1, 2, 3, 31, 1000]  # four weeks switched off
    assert start(32) == [2, 3, 31, 32, 1000]


def test_the_oldest_go_in_steps_until_the_file_is_small_enough() -> None:
    path = history_file("hall")
    file = HistoryFile(path)
    for number in range(3000):
        file.add(event(number))
    full, limit = file.bytes, 500_000
    assert full > 2 * limit
    steps = 0
    while file.prune(NOON - timedelta(days=1), limit):
        steps += 1
    assert 2 <= steps <= 6
    assert file.bytes <= limit
    file.close()
    assert path.stat().st_size <= limit
    kept = ids()
    assert kept == list(range(kept[0], 3000))
    assert len(kept) >= 300


def test_the_sink_keeps_to_its_size() -> None:
    file = HistoryFile(history_file("hall"))
    for number in range(2000):
        file.add(event(number))
    file.close()
    record(event(2000), max_mb=0.3)
    record(event(2001), max_mb=0.3)
    record(event(2002), max_mb=0.3)
    record(event(2003), max_mb=0.3)
    assert history_file("hall").stat().st_size <= 300_000
    assert ids()[-1] == 2003


def test_a_damaged_file_is_moved_aside_and_a_new_one_begun(
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = history_file("hall")
    rubbish = b"no database at all, but long enough to be looked at " * 40
    path.write_bytes(rubbish)
    sink = record(event(0), event(1))
    assert ids() == [0, 1]
    assert sink.lost == 0
    assert path.with_name("history.db.damaged").read_bytes() == rubbish
    assert len([one for one in caplog.records if "a new one is begun" in one.message]) == 1


def test_a_file_that_gets_damaged_in_the_middle_is_moved_aside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = history_file("hall")
    file = HistoryFile(path)
    for number in range(1000):
        file.add(event(number))
    file.close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    record(event(1000))
    assert ids() == [1000]
    assert "a new one is begun" in caplog.text


def test_a_deleted_file_is_begun_anew() -> None:
    sink = HistorySink(HistorySettings(), "hall", lambda: NOON)
    path = history_file("hall")
    sink.publish(event(0))
    wait_for(lambda: sink.delivered == 1)
    path.unlink()
    sink.publish(event(1))
    wait_for(lambda: sink.delivered == 2)
    sink.close()
    assert ids() == [1]


def test_a_disk_that_fails_at_every_touch_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sink = HistorySink(HistorySettings(), "hall", lambda: NOON)
    sink.publish(event(0))
    wait_for(lambda: sink.delivered == 1)

    def fail(_file: HistoryFile) -> bool:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(HistoryFile, "is_there", property(fail))
        sink.publish(event(1))
        sink.publish(event(2))
        wait_for(lambda: not sink.waiting and sink.delivered + sink.dropped == 3)
    sink.publish(event(3))
    wait_for(lambda: sink.delivered == 4, 10)
    sink.close()
    assert ids()[:1] + ids()[-1:] == [0, 3]
    assert "Input/output error; trying again" in caplog.text


def test_a_folder_that_cannot_be_made_is_told_once_and_the_agent_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "file").write_text("")
    monkeypatch.setenv("STATE_DIRECTORY", str(folder / "file" / "state"))
    sink = record(event(0), event(1), event(2))
    assert sink.lost == 3
    assert len([one for one in caplog.records if "is not written" in one.message]) == 1


_FILL_A_FULL_DISK = """
import logging, resource, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from agent.feedback.history import HistorySink
from agent.feedback.recorded import Selection, read_events
from agent.feedback.history import history_file
from agent.settings import HistorySettings
logging.basicConfig(level=logging.INFO, format="%(message)s")
first = next(read_events(history_file("hall"), Selection()))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, most))  # then writes fail as on a full disk
sink = HistorySink(HistorySettings(), "hall", lambda: first.time)
for _ in range(200):
    sink.publish(first)
while sink.delivered < 200:
    time.sleep(0.005)
assert sink.lost > 0, sink.lost
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
for _ in range(50):
    sink.publish(first)
while sink.delivered < 250:
    time.sleep(0.005)
sink.close()
assert sink.lost == 0, sink.lost
"""


def test_a_disk_that_is_full_is_told_once_and_writing_goes_on_when_it_has_room(
    project: Path,
) -> None:
    record(event(0))
    done = subprocess.run(
        [sys.executable, "-c", _FILL_A_FULL_DISK, str(project)],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is not written") == 1
    assert done.stderr.count("is written again") == 1


_RECORD_AND_DIE = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from dataclasses import replace
from agent.feedback.history import HistorySink, history_file
from agent.feedback.recorded import Selection, read_events
from agent.settings import HistorySettings
first = next(read_events(history_file("hall"), Selection()))
sink = HistorySink(HistorySettings(), "hall", lambda: first.time)
for number in range(1, 300):
    sink.publish(replace(first, id=str(number)))
while sink.delivered < 299:
    time.sleep(0.005)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_delivered_is_there_after_kill_9(project: Path) -> None:
    record(event(0))
    done = subprocess.run(
        [sys.executable, "-c", _RECORD_AND_DIE, str(project)], env=os.environ, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert ids() == list(range(300))


def test_without_a_history_it_says_so() -> None:
    with pytest.raises(AgentError, match=r"no history yet: .*history\.db"):
        read_events(history_file("hall"), Selection())


def test_reading_a_file_that_is_no_database_names_it() -> None:
    history_file("hall").write_bytes(b"no database at all, but long enough " * 40)
    with pytest.raises(AgentError, match=r"cannot read the history .*not a database"):
        list(read_events(history_file("hall"), Selection()))
