"""Events as lines, and what a sink does when its target fails or hangs."""

from __future__ import annotations

import io
import json
import logging
import os
import resource
import time
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from agent.emotion.labels import EMOTIONS
from agent.errors import AgentError
from agent.feedback.lines import JsonLinesSink, TerminalSink, readable
from agent.feedback.queued import QueuedSink
from agent.quiet import chatter_hidden
from agent.types import Box, EmotionEvent, EventType, Reason
from tests.brokers.watcher import wait_for


def event(
    kind: EventType = "changed",
    emotion: str = "happiness",
    previous: str | None = "neutral",
    reason: Reason | None = None,
) -> EmotionEvent:
    return EmotionEvent(
        id="7c0e",
        type=kind,
        time=datetime(2026, 5, 4, 10, 11, 12, 345678, timezone.utc),
        device="board",
        source="demo",
        frame=57,
        track=1,
        box=Box(10.4, 20.6, 99.5, 101.2),
        emotion=emotion,
        previous=previous,
        confidence=0.93456,
        probabilities=dict.fromkeys(EMOTIONS, 0.125),
        reason=reason,
        latency_ms=12.3456,
        model="fer-compact@1.0.0",
    )


def test_json_lines_carry_every_field_in_order(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    sink = JsonLinesSink(str(file))
    sink.publish(event())
    sink.publish(event("ended", previous=None))
    sink.close()
    first, second = map(json.loads, file.read_text().splitlines())
    assert list(first) == [
        "id",
        "type",
        "time",
        "device",
        "source",
        "frame",
        "track",
        "box",
        "emotion",
        "previous",
        "confidence",
        "probabilities",
        "reason",
        "latency_ms",
        "model",
    ]
    assert first["time"] == "2026-05-04T10:11:12.345Z"
    assert first["box"] == [10, 21, 100, 101]
    assert list(first["probabilities"]) == list(EMOTIONS)
    assert (second["type"], second["previous"]) == ("ended", None)


def test_events_are_appended_to_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    for _ in range(2):
        sink = JsonLinesSink(str(file))
        sink.publish(event())
        sink.close()
    assert len(file.read_text().splitlines()) == 2


def test_a_line_that_was_cut_off_does_not_spoil_the_next(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text('{"id": "1"}\n{"id": "2", "ti')  # a power cut, or a disk that became full
    sink = JsonLinesSink(str(file))
    sink.publish(event())
    sink.close()
    first, cut, whole = file.read_text().splitlines()
    assert (json.loads(first), cut) == ({"id": "1"}, '{"id": "2", "ti')
    assert json.loads(whole)["id"] == "7c0e"


def test_a_named_pipe_that_nobody_reads_is_told_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(AgentError, match=r"events\.file: cannot write .*pipe: nobody reads"):
        JsonLinesSink(str(pipe))


def test_a_named_pipe_is_written_while_it_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    sink = JsonLinesSink(str(pipe))
    assert os.get_blocking(sink._stream.fileno())  # a reader that is slow is waited for
    sink.publish(event())
    sink.close()
    with os.fdopen(reading) as lines:
        assert json.loads(lines.read())["id"] == "7c0e"


class Counting(io.FileIO):
    """Counts the attempts to write."""

    attempts = 0

    def write(self, data: Any) -> int | None:  # type: ignore[override]  # as the real one, whose stub leaves out None
        self.attempts += 1
        return super().write(data)


def test_a_terminal_that_does_not_wait_is_not_tried_all_the_time() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w"):
        os.set_blocking(writing, False)  # as another program on the same terminal may have it
        sink = TerminalSink(writing)
        sink._stream.close()
        sink._stream = counting = Counting(os.dup(writing), "w")
        for _ in range(2_000):  # more than the pipe holds
            sink.publish(event())
        time.sleep(0.3)
        taken = 0
        while taken < 2_000:
            taken += os.read(reading, 1 << 16).count(b"\n")
        sink.close()
    assert (sink.delivered, sink.dropped) == (2_000, 0)
    assert counting.attempts < 3_000


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"events\.file: cannot write .*none.events"):
        JsonLinesSink(str(tmp_path / "none" / "events"))


def test_a_file_that_was_rotated_is_begun_anew(tmp_path: Path) -> None:
    file, rotated = tmp_path / "events.jsonl", tmp_path / "events.jsonl.1"
    sink = JsonLinesSink(str(file))
    sink.publish(event())
    wait_for(lambda: sink.delivered == 1)
    file.rename(rotated)
    sink.publish(event())
    wait_for(lambda: sink.delivered == 2)
    file.unlink()
    sink.publish(event())
    sink.close()
    assert len(rotated.read_text().splitlines()) == len(file.read_text().splitlines()) == 1


def test_a_file_on_a_full_disk_is_written_again_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "agent")
    told: list[str] = []
    file = tmp_path / "events.jsonl"
    sink = JsonLinesSink(str(file), told.append)
    sink.publish(event())
    wait_for(lambda: sink.delivered == 1)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    room = file.stat().st_size + 10  # for a part of the next line
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, usual[1]))
    try:
        for _ in range(3):
            sink.publish(event())
        wait_for(lambda: sink.lost == 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    for _ in range(50):
        sink.publish(event())
    sink.close()
    first, cut, *rest = file.read_text().splitlines()
    assert len(cut) == 10
    assert [json.loads(line)["id"] for line in (first, *rest)] == 51 * ["7c0e"]
    assert told == ["not written: File too large", "ok"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_device_that_fails_is_given_up_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = JsonLinesSink("/dev/full")
    for _ in range(5):
        sink.publish(event())
    sink.close()
    sink.publish(event())
    assert sink.delivered == 0
    assert sink.dropped == 6
    told = [record for record in caplog.records if "takes no more events" in record.message]
    assert len(told) == 1


class Unlucky(QueuedSink):
    """Fails at every second event, in a way that no target fails."""

    name = "unlucky"

    def __init__(self) -> None:
        self.taken: list[int] = []
        super().__init__()

    def deliver(self, event: EmotionEvent) -> None:
        if event.frame % 2:
            raise ValueError("nobody thought of this")
        self.taken.append(event.frame)


def test_an_error_that_nobody_thought_of_costs_one_event_and_is_told_once_until_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = Unlucky()
    for frame in (0, 1, 3, 5, 2, 4):
        sink.publish(replace(event(), frame=frame))
    sink.close()
    assert sink.taken == [0, 2, 4]
    assert (sink.delivered, sink.dropped) == (3, 3)
    assert sink.health == "ok, 3 lost"
    assert [record.getMessage() for record in caplog.records] == ["unlucky: an event is lost"]


def test_a_sink_that_keeps_failing_says_so() -> None:
    sink = Unlucky()
    sink.publish(replace(event(), frame=1))
    wait_for(lambda: sink.dropped == 1)
    assert sink.health == "failing: ValueError('nobody thought of this'), 1 lost"
    sink.close()


def test_a_reader_that_hangs_holds_up_neither_publishing_nor_closing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w"):
        sink = TerminalSink(writing)
        many = 12_000  # more than the pipe and the queue hold together
        for _ in range(many):
            sink.publish(event())
        sink.close()
        assert "does not take events" in caplog.text
        assert 0 < sink.delivered < many
        os.set_blocking(reading, False)
        while sink._worker.is_alive():  # let the worker finish before the pipe goes away
            try:
                os.read(reading, 1 << 16)
            except BlockingIOError:
                sink._worker.join(0.01)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (event(), "face 1: happiness  93 %, was neutral"),
        (event("started", previous=None), "face 1: happiness  93 %"),
        (event("changed", "unknown", "anger", "turned"), "face 1: unknown (turned), was anger"),
        (event("ended", previous=None), "face 1: gone (was happiness)"),
    ],
)
def test_events_read_as_words(shown: EmotionEvent, words: str) -> None:
    assert readable(shown).endswith(words)


def test_a_terminal_opened_while_a_library_is_hushed_is_written_to(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """New settings may open it while the main thread loads the model."""
    opened: list[TerminalSink] = []
    with chatter_hidden():
        opening = Thread(target=lambda: opened.append(TerminalSink(2)))
        opening.start()
        opening.join(0.2)
    opening.join()
    opened[0].publish(event())
    opened[0].close()

    assert capfd.readouterr().err == readable(event()) + "\n"
