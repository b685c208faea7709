"""Events as lines, and what a sink does when its target fails or hangs."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from agent.emotion.labels import EMOTIONS
from agent.errors import AgentError
from agent.feedback.lines import JsonLinesSink, TerminalSink, readable
from agent.feedback.queued import QueuedSink
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


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"events\.file: cannot write .*none.events"):
        JsonLinesSink(str(tmp_path / "none" / "events"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_disables_the_sink_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
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
