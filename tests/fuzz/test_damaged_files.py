"""Damaged files of every kind that the agent reads: a line that says so, or success."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import AgentError
from agent.feedback.history import HistoryFile, HistorySink
from agent.feedback.outbox import Outbox
from agent.feedback.recorded import Selection, read_events
from agent.feedback.shares import read_shares
from agent.feedback.timeline import read_timeline
from agent.layers import KEYS
from agent.settings import HistorySettings
from tests.fuzz.edits import EDITS, FILES, Edit, damaged
from tests.fuzz.readers import READERS, in_a_line
from tests.sound_card import event

SINCE, UNTIL = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (2020, 2030))

SWITCHES = st.from_regex(r'\{"(muted|paused)": .{0,9}\}').map(str.encode)
VALUES = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["demo", "on", "22:00-07:00", "http://[", "-", "http://a:99999/"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@FILES
@given(values=st.dictionaries(st.sampled_from(sorted(KEYS)), VALUES, max_size=4))
def test_settings_with_any_value_are_taken_or_refused(
    folder: Path, values: dict[str, object]
) -> None:
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in values.items()]
    # JSON's values are TOML's, but for a few that are no TOML.
    READERS["settings"].read("".join(lines).encode(), folder)


@FILES
@given(edits=EDITS)
def test_a_damaged_settings_file_is_taken_or_refused(folder: Path, edits: list[Edit]) -> None:
    reader = READERS["settings"]
    reader.read(damaged(reader.whole(folder), edits), folder)


def _pictures() -> list[bytes]:
    gradient = np.arange(48 * 40 * 3, dtype=np.uint32).reshape(40, 48, 3) % 251
    kinds = (".jpg", ".png", ".webp", ".bmp", ".gif")
    return [cv2.imencode(kind, gradient.astype(np.uint8))[1].tobytes() for kind in kinds]


PICTURES = _pictures()


@FILES
@given(whole=st.sampled_from(PICTURES), edits=EDITS)
def test_a_damaged_picture_is_read_or_refused(
    folder: Path, whole: bytes, edits: list[Edit]
) -> None:
    READERS["picture"].read(damaged(whole, edits), folder)


@pytest.fixture(scope="module")
def history(folder: Path) -> bytes:
    """A history of some events, as a file."""
    path = folder / "whole.db"
    file = HistoryFile(path)
    for minute in range(10, 40):
        file.add(event("happiness", f"12:{minute}"))
    file.close()
    return path.read_bytes()


def look_at(path: Path) -> None:
    """Ask a history all that is ever asked of one."""
    for ask in (
        lambda: list(read_events(path, Selection())),
        lambda: read_timeline(path, SINCE, UNTIL),
        lambda: read_shares(path, "hour", SINCE, UNTIL),
        lambda: read_shares(path, "day", SINCE, UNTIL),
    ):
        try:
            ask()
        except AgentError as error:
            in_a_line(error)


@FILES
@given(edits=EDITS)
def test_a_damaged_history_is_read_or_refused_and_written_on(
    tmp_path_factory: pytest.TempPathFactory, history: bytes, edits: list[Edit]
) -> None:
    state = tmp_path_factory.mktemp("state")
    path = state / "hall" / "history.db"
    path.parent.mkdir()
    path.write_bytes(damaged(history, edits))
    look_at(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STATE_DIRECTORY", str(state))
        try:
            sink = HistorySink(HistorySettings(), "hall")
            sink.publish(event("fear", "12:50"))
            sink.close()
        except AgentError as error:
            in_a_line(error)
    shutil.rmtree(state)


@FILES
@given(
    stored=st.sampled_from(["", "{}", "[]", "null"]) | st.text(max_size=30),
    time=st.text(max_size=30) | st.just("2026-05-04T10:11:12.345Z"),
    kind=st.sampled_from(["started", "changed", "ended"]) | st.text(max_size=5),
    track=st.integers(-(2**63), 2**63 - 1),
)
def test_a_history_with_odd_rows_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, stored: str, time: str, kind: str, track: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    file = HistoryFile(folder / "history.db")
    file.add(event("fear"))
    row = (time, kind, track, "sadness", 0.5, None, stored)
    with suppress(UnicodeEncodeError), file._database as database:
        database.execute(
            "insert into events (time, type, track, emotion, confidence, reason, event) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
    file.close()
    look_at(folder / "history.db")
    shutil.rmtree(folder)


@FILES
@given(edits=EDITS)
def test_a_damaged_outbox_is_used_or_moved_aside(
    tmp_path_factory: pytest.TempPathFactory, edits: list[Edit]
) -> None:
    folder = tmp_path_factory.mktemp("outbox")
    path = folder / "outbox.sqlite"
    box = Outbox(path, 100, 3600)
    box.put("a/b", b"payload")
    box.close()
    path.write_bytes(damaged(path.read_bytes(), edits))
    Outbox(path, 100, 3600).close()
    shutil.rmtree(folder)


@FILES
@given(content=st.binary(max_size=60) | SWITCHES)
def test_damaged_switches_are_taken_or_left(folder: Path, content: bytes) -> None:
    READERS["switches"].read(content, folder)


@given(
    name=st.sampled_from(["mute", "pause", "cue", "reload", "snapshot"]) | st.text(max_size=20),
    payload=st.binary(max_size=300) | st.sampled_from([b"ON", b"off", b" Toggle ", b"fear"]),
)
def test_any_mqtt_command_has_an_outcome_in_a_line(name: str, payload: bytes) -> None:
    READERS["command"].read(name.encode("utf-8", "surrogatepass") + b"\n" + payload, Path())


@pytest.mark.parametrize(
    "name", sorted(READERS.keys() - {"manifest"})
)  # its model files are elsewhere
def test_what_fuzzing_begins_with_is_whole(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(error: Exception) -> None:
        raise error

    monkeypatch.setattr("tests.fuzz.readers.in_a_line", refused)
    reader = READERS[name]
    reader.read(reader.whole(folder), folder)


@FILES
@given(name=st.sampled_from(["recording", "request"]), edits=EDITS)
def test_a_damaged_recording_or_request_is_taken_or_refused(
    folder: Path, name: str, edits: list[Edit]
) -> None:
    reader = READERS[name]
    reader.read(damaged(reader.whole(folder), edits), folder)
