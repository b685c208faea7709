"""`emotion-agent events`, as a person uses it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from agent.cli import main
from agent.emotion.labels import EMOTIONS
from agent.errors import AgentError
from agent.feedback.history import HistoryFile, history_file
from agent.times import parse_time
from agent.types import Box, EmotionEvent

NOW = datetime.now(timezone.utc)


def event(number: int, emotion: str, hours_ago: float) -> EmotionEvent:
    return EmotionEvent(
        id=str(number),
        type="changed",
        time=NOW - timedelta(hours=hours_ago),
        device="hall",
        source='film, "two".mp4',
        frame=number,
        track=number,
        box=Box(10, 20, 99, 101),
        emotion=emotion,
        previous="neutral",
        confidence=0.93,
        probabilities=dict.fromkeys(EMOTIONS, 0.125),
        reason=None,
        latency_ms=12.34,
        model="fer-compact@1.0.0",
    )


@pytest.fixture(autouse=True)
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HistoryFile:
    """The history of the device `hall`: three events."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("EMOTION_AGENT__DEVICE", "hall")
    file = HistoryFile(history_file("hall"))
    file.add(event(1, "happiness", 30))
    file.add(event(2, "happiness", 0.5))
    file.add(event(3, "fear", 0.25))
    return file


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["events", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["events", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


def test_lines_tell_day_and_event(capsys: pytest.CaptureFixture[str]) -> None:
    lines = output(capsys)
    assert len(lines) == 3
    day = (NOW - timedelta(hours=30)).astimezone().strftime("%Y-%m-%d ")
    assert lines[0].startswith(day)
    assert lines[2].endswith("face 3: fear  93 %, was neutral")


def test_json_is_selected_by_time_and_emotion(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = output(capsys, "--since", "12h", "--emotion", "happiness", "--json")
    assert json.loads(line) == event(2, "happiness", 0.5).as_dict()
    assert len(output(capsys, "--until", "1d", "--json")) == 1
    (line,) = output(capsys, "--limit", "1", "--json")
    assert json.loads(line)["id"] == "3"
    assert output(capsys, "--track", "2", "--type", "ended") == []


def test_csv_is_read_by_the_csv_module(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(output(capsys, "--csv")))
    assert [row["emotion"] for row in rows] == ["happiness", "happiness", "fear"]
    first = rows[0]
    assert first["source"] == 'film, "two".mp4'
    assert (first["x"], first["y"], first["width"], first["height"]) == ("10", "20", "99", "101")
    assert [first[name] for name in EMOTIONS] == ["0.125"] * 8
    assert first["reason"] == ""


def test_csv_of_nothing_is_its_header(capsys: pytest.CaptureFixture[str]) -> None:
    (header,) = output(capsys, "--csv", "--emotion", "contempt")
    assert header.startswith("id,type,time,")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--since", "1x"], "'1x' is no time: give how long ago (30m, 1h, 2d)"),
        (["--until", "99999999999d"], "is no time"),
        (["--since", ""], "'' is no time"),
        (["--emotion", "joy"], "there is no emotion 'joy'; those are neutral, happiness"),
        (["--type", "begun"], "those are started, changed, ended"),
        (["--limit", "0"], "--limit 0: give a whole number from 1 on"),
        (["--set", "device=attic"], "no history yet: "),
    ],
)
def test_mistakes_are_told_in_a_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], part: str
) -> None:
    assert part in error(capsys, *arguments)


def test_times_are_durations_or_iso() -> None:
    assert parse_time("1.5h", NOW) == NOW - timedelta(minutes=90)
    assert parse_time("2w", NOW) == NOW - timedelta(days=14)
    eleven = datetime(2026, 5, 4, 11, tzinfo=timezone.utc)
    assert parse_time("2026-05-04T11:00:00Z", NOW) == eleven
    assert parse_time("2026-05-04T13:00+02:00", NOW) == eleven
    assert parse_time("2026-05-04", NOW) == datetime(2026, 5, 4).astimezone()
    with pytest.raises(AgentError, match="is no time"):
        parse_time("yesterday", NOW)


def test_a_reader_that_goes_early_is_no_error(history: HistoryFile) -> None:
    for number in range(500):
        history.add(event(number, "fear", 0.1))
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.cli", "events", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait()
