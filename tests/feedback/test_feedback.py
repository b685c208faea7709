"""All sinks together: which are opened anew by a change of settings, and that no event is lost."""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import socket
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from urllib.request import urlopen

import pytest
from aiohttp import web

from agent.control import Control
from agent.emotion.labels import EMOTIONS
from agent.errors import AgentError
from agent.feedback.feedback import SECTIONS, Feedback
from agent.feedback.history import history_file
from agent.feedback.lines import JsonLinesSink
from agent.feedback.opening import PARTS, Opening, Part
from agent.feedback.recorded import Selection, read_events
from agent.settings import EventSettings, HistorySettings, MqttSettings, Settings, WebSettings
from agent.status import StatusBoard
from agent.types import Box, EmotionEvent
from tests.brokers.watcher import wait_for
from tests.patience import PATIENCE
from tests.ports import free_port


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return tmp_path


class Remembering(StatusBoard):
    """Keeps the names of the sinks that closed."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten: list[str] = []

    def forget(self, part: str) -> None:
        self.forgotten.append(part)
        super().forget(part)


def event(number: int) -> EmotionEvent:
    return EmotionEvent(
        id=str(number),
        type="changed",
        time=datetime.now(timezone.utc),
        device="hall",
        source="demo",
        frame=number,
        track=1,
        box=Box(10, 20, 99, 101),
        emotion="happiness",
        previous=None,
        confidence=0.9,
        probabilities=dict.fromkeys(EMOTIONS, 0.125),
        reason=None,
        latency_ms=12.0,
        model="fer-compact@1.0.0",
    )


def settings(
    file: Path, history: HistorySettings | None = None, mqtt: MqttSettings | None = None
) -> Settings:
    return Settings(
        device="hall",
        events=EventSettings(file=str(file)),
        history=history or HistorySettings(),
        mqtt=mqtt or MqttSettings(),
    )


def settle(feedback: Feedback) -> None:
    until = time.monotonic() + PATIENCE
    while feedback.is_changing:
        assert time.monotonic() < until
        time.sleep(0.01)


def in_lines(file: Path) -> list[int]:
    return [int(json.loads(line)["id"]) for line in file.read_text().splitlines()]


def in_history_or_nothing() -> list[int]:
    return in_history() if history_file("hall").exists() else []


def in_history() -> list[int]:
    return [int(stored.id) for stored in read_events(history_file("hall"), Selection())]


def test_every_event_is_in_one_file_or_the_other_when_the_file_changes(folder: Path) -> None:
    one, two = folder / "one", folder / "two"
    feedback = Feedback(settings(one), Control(), StatusBoard())
    for number in range(100):
        feedback.publish(event(number))
    feedback.change(settings(two))
    for number in range(100, 200):
        feedback.publish(event(number))
    settle(feedback)
    feedback.publish(event(200))
    feedback.close()
    assert in_lines(one) + in_lines(two) == list(range(201))
    assert 200 in in_lines(two)
    assert in_history() == list(range(201))


def test_sinks_whose_settings_stay_are_left_alone(folder: Path) -> None:
    first = settings(folder / "one", mqtt=MqttSettings(host="127.0.0.1", port=1))
    board = Remembering()
    feedback = Feedback(first, Control(), board)
    board.forgotten.clear()
    feedback.change(settings(folder / "two", mqtt=first.mqtt))
    settle(feedback)
    # The page shows every setting, so it is opened anew with each of them.
    assert set(board.forgotten) == {"terminal", "events.file", "page"}
    board.forgotten.clear()
    feedback.change(settings(folder / "two", HistorySettings(days=1), first.mqtt))
    settle(feedback)
    assert set(board.forgotten) == {"history", "page"}
    feedback.close()


def test_a_sink_that_cannot_take_new_settings_keeps_the_former(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = folder / "good"
    feedback = Feedback(settings(good), Control(), StatusBoard())
    feedback.change(settings(folder / "no folder" / "events"))
    feedback.publish(event(1))
    settle(feedback)
    feedback.close()
    assert in_lines(good) == [1]
    assert "the new settings cannot be used: events.file: cannot write" in caplog.text


def test_a_sink_that_cannot_go_back_either_says_so(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = folder / "place"
    place.mkdir()
    board = StatusBoard()
    feedback = Feedback(settings(place / "events"), Control(), board)
    place.rename(folder / "gone")
    feedback.change(settings(folder / "nowhere" / "events"))
    settle(feedback)
    feedback.publish(event(1))
    assert board.status.health["events.file"].startswith("closed: events.file: cannot write")
    place.mkdir()
    feedback.change(settings(place / "events"))
    settle(feedback)
    feedback.publish(event(2))
    feedback.close()
    assert in_history() == [1, 2]
    assert in_lines(place / "events") == [1, 2]
    assert "events.file" not in board.status.health


def test_a_lost_sink_is_tried_again_until_it_opens(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.feedback.feedback._AGAIN", 0.0)
    caplog.set_level(logging.INFO)
    place = folder / "place"
    place.mkdir()
    feedback = Feedback(settings(place / "events"), Control(), StatusBoard())
    place.rename(folder / "gone")
    feedback.change(settings(place / "others"))
    settle(feedback)
    feedback.publish(event(1))
    for _ in range(3):
        feedback.check()
        settle(feedback)
    assert caplog.text.count("events.file stays closed") == 1
    place.mkdir()
    feedback.check()
    settle(feedback)
    feedback.publish(event(2))
    feedback.close()
    assert in_lines(place / "others") == [1, 2]
    assert caplog.text.count("events.file: open again") == 1


def test_while_a_sink_is_lost_those_on_their_former_settings_are_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened = []

    def opener(opening: Opening) -> None:
        opened.append(opening.settings.history.days)
        if opening.settings.history.days == 1:
            raise AgentError("a day is too short")

    (lines,) = (part for part in PARTS if part.name == "events.file")
    picky = Part("picky", frozenset({"history"}), opener)
    monkeypatch.setattr("agent.feedback.feedback.PARTS", (lines, picky))
    monkeypatch.setattr("agent.feedback.feedback._AGAIN", 0.0)
    place = folder / "place"
    place.mkdir()
    feedback = Feedback(
        settings(place / "events", HistorySettings(days=9)), Control(), StatusBoard()
    )
    place.rename(folder / "gone")
    feedback.change(settings(place / "others", HistorySettings(days=1)))
    settle(feedback)
    before = list(opened)
    for _ in range(3):
        feedback.check()
        settle(feedback)
    assert opened == before
    caplog.set_level(logging.INFO)
    feedback.change(Settings(device="hall", history=HistorySettings(days=9)))
    settle(feedback)
    feedback.close()
    assert "events.file: off" in caplog.text
    assert "open again" not in caplog.text


def test_an_error_that_nobody_thought_of_concerns_one_sink_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = folder / "one", folder / "two"
    board = StatusBoard()
    feedback = Feedback(settings(one), Control(), board)

    class NoThread(JsonLinesSink):
        def __init__(self, _target: str, _health: object) -> None:
            raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr("agent.feedback.opening.JsonLinesSink", NoThread)
        feedback.change(settings(two, HistorySettings(enabled=False)))
        settle(feedback)
    assert "can't start new thread" in board.status.health["events.file"]
    feedback.publish(event(1))
    assert in_history_or_nothing() == []  # the sinks behind it have their new settings
    feedback.change(settings(one))  # back to the former settings: it is opened all the same
    settle(feedback)
    feedback.publish(event(2))
    feedback.close()
    assert in_lines(one) == [1, 2]


def test_a_sink_that_has_failed_is_opened_anew_by_the_same_settings(folder: Path) -> None:
    target = folder / "events"
    target.symlink_to("/dev/full")
    feedback = Feedback(settings(target), Control(), StatusBoard())
    feedback.publish(event(1))
    until = time.monotonic() + PATIENCE
    while feedback.failed != ["events.file"]:
        assert time.monotonic() < until
        time.sleep(0.01)
    target.unlink()
    feedback.change(settings(target))
    settle(feedback)
    assert feedback.failed == []
    feedback.publish(event(2))
    feedback.close()
    assert in_lines(target) == [2]


def test_a_setting_that_cannot_work_is_told_at_the_start_and_leaves_nothing_open(
    folder: Path,
) -> None:
    with pytest.raises(AgentError, match="cannot write"):
        Feedback(settings(folder / "no folder" / "events"), Control(), StatusBoard())


@pytest.mark.usefixtures("folder")
def test_the_page_is_opened_at_last_and_has_the_events_that_waited(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    page = Settings(device="hall", web=WebSettings(port=0))
    feedback = Feedback(page, Control(), StatusBoard())
    feedback.change(page)  # nothing has changed, so nothing is opened by this
    assert not feedback.is_changing
    feedback.publish(event(1))
    feedback.open_rest()
    settle(feedback)
    feedback.check()
    feedback.publish(event(2))
    (address,) = re.findall(r"the page is at (\S+)", caplog.text)
    with urlopen(f"{address}metrics", timeout=30) as answer:
        counted = [line for line in answer.read().decode().splitlines() if "events_total{" in line]
    feedback.close()
    assert [line.split()[-1] for line in counted] == ["2.0"]


def test_a_page_with_an_address_of_its_own_is_told_at_the_start_where_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        page = WebSettings(port=other.getsockname()[1])
        with pytest.raises(AgentError, match="another program listens"):
            Feedback(Settings(device="hall", web=page), Control(), StatusBoard())


def _slow(opened: list[Settings]) -> Part:
    """A part that waits, and cannot be opened for a device that is called broken."""

    def opener(opening: Opening) -> None:
        opened.append(opening.settings)
        if opening.settings.device == "broken":
            raise AgentError("it is broken")

    return Part("slow", frozenset({"device"}), opener, may_wait=lambda _: True)


def test_what_is_wrong_with_a_part_that_waited_is_told_to_who_checks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.feedback.feedback.PARTS", (_slow([]),))
    feedback = Feedback(Settings(device="broken"), Control(), StatusBoard())
    feedback.check()
    feedback.open_rest()
    settle(feedback)
    with pytest.raises(AgentError, match="it is broken"):
        feedback.check()
    feedback.check()
    feedback.close()


def test_new_settings_that_come_first_open_a_part_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Settings] = []
    monkeypatch.setattr("agent.feedback.feedback.PARTS", (_slow(opened),))
    feedback = Feedback(Settings(device="hall"), Control(), StatusBoard())
    feedback.change(Settings(device="attic"))
    feedback.open_rest()
    settle(feedback)
    feedback.check()
    assert [settings.device for settings in opened] == ["attic"]
    feedback.close()


def test_what_is_turned_on_and_off_follows_the_settings(folder: Path) -> None:
    file = folder / "events"
    feedback = Feedback(settings(file, HistorySettings(enabled=False)), Control(), StatusBoard())
    feedback.publish(event(1))
    feedback.change(settings(file))
    feedback.publish(event(2))
    settle(feedback)
    feedback.change(settings(file, HistorySettings(enabled=False)))
    settle(feedback)
    feedback.publish(event(3))
    feedback.close()
    assert in_lines(file) == [1, 2, 3]
    assert in_history() == [2]


def test_the_picture_does_not_depend_on_what_concerns_sinks_alone() -> None:
    assert {"events", "history", "audio", "mqtt"} <= SECTIONS
    assert not SECTIONS & {"device", "source", "faces", "runtime", "emotion"}
    assert set(Settings.model_fields) >= SECTIONS


def test_changes_leave_no_former_page_thread_or_handle(folder: Path) -> None:
    def held() -> tuple[int, int, int]:
        pages = sum(isinstance(one, web.Application) for one in gc.get_objects())
        return pages, threading.active_count(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    def change(number: int) -> None:
        told = settings(folder / f"events-{number}", HistorySettings(enabled=False))
        page = WebSettings(enabled=True, port=port, preview_fps=1 + number)
        feedback.change(told.model_copy(update={"web": page}))
        settle(feedback)
        with urlopen(f"http://127.0.0.1:{port}/api/v1/state", timeout=PATIENCE) as reply:
            assert reply.status == 200

    def is_no_more(now: tuple[int, ...], then: tuple[int, ...]) -> bool:
        return all(new <= old for new, old in zip(now, then, strict=True))

    port = free_port()
    feedback = Feedback(settings(folder / "events"), Control(), StatusBoard())
    gc.collect()
    gc.disable()  # so that nothing but the change itself collects
    try:
        change(1)
        once = held()
        for number in range(2, 8):
            change(number)
        wait_for(lambda: is_no_more(held(), once), 30)  # a connection may still be closing
    finally:
        gc.enable()
        feedback.close()


class Slow(JsonLinesSink):
    """Is closed when all the others are being closed too."""

    together: threading.Barrier

    def close(self) -> None:
        super().close()
        self.together.wait(PATIENCE)


def test_sinks_close_side_by_side_as_systemd_waits_for_all_of_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(_: Opening) -> Slow:
        return Slow(str(folder / "events"))

    parts = [Part(name, frozenset({"events"}), opened) for name in "abc"]
    monkeypatch.setattr("agent.feedback.feedback.PARTS", parts)
    monkeypatch.setattr(Slow, "together", threading.Barrier(len(parts)), raising=False)
    Feedback(settings(folder / "events"), Control(), StatusBoard()).close()
    assert not Slow.together.broken
