"""Measures how long feedback takes: from a frame to the first sample, and to the broker.

Each round is a frame that goes through the whole pipeline, and an event about a face in it that
goes to one sink, whether or not the expression has changed; rounds do not overlap.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any, Final
from uuid import uuid4

from agent.control import Control
from agent.emotion.labels import EMOTIONS
from agent.errors import AgentError
from agent.feedback.audio.sink import AudioSink
from agent.feedback.mqtt.removal import remove
from agent.feedback.mqtt.sink import MqttSink
from agent.pipeline import Pipeline
from agent.settings import AudioSettings, MqttSettings, Settings
from agent.sources.opening import open_source
from agent.sources.source import Source
from agent.status import Status, StatusBoard
from agent.types import EmotionEvent
from agent.vision import open_vision

logger = logging.getLogger(__name__)

_READY: Final = 20.0  # seconds for the sound device, and for the broker
_ROUND: Final = 20.0  # seconds for one event to get where it goes
_FACELESS: Final = 1000  # frames without a face in a row after which there is none
_GLANCE: Final = 0.0005  # seconds between two looks at whether it has got there

Moment = tuple[EmotionEvent, float]
"""An event, and `time.monotonic()` when its frame was captured."""


class _SinkError(Exception):
    """A sink that does not work; the message says why."""


def bench_feedback(settings: Settings, rounds: int) -> dict[str, dict[str, Any]]:
    """Milliseconds over `rounds` events for each kind of feedback, or why there are none.

    Raises `AgentError` for settings that cannot work, and for a source without faces.
    """
    source = open_source(settings.source)
    with ExitStack() as stack:
        vision = open_vision(settings, source.name, stack)
        stack.enter_context(source)
        moments = _moments(source, vision.pipeline)
        return {
            "first_sample": _outcome(
                settings.audio.enabled,
                "audio.enabled=true",
                lambda: _to_first_sample(settings.audio, moments, rounds),
            ),
            "broker": _outcome(
                settings.mqtt.host is not None,
                "mqtt.host=NAME",
                lambda: _to_broker(settings, moments, rounds),
            ),
        }


def as_lines(result: dict[str, dict[str, Any]]) -> list[str]:
    """The result for people."""
    lines = [f"{'frame to':13} {'events':>6} {'p50 ms':>10} {'p99 ms':>10}"]
    for key, row in result.items():
        name = key.replace("_", " ")
        if "needs" in row:
            lines.append(f"{name:13} not measured: needs --set {row['needs']}")
        elif "problem" in row:
            lines.append(f"{name:13} not measured: {row['problem']}")
        else:
            lines.append(f"{name:13} {row['events']:>6} {row['p50']:>10.3f} {row['p99']:>10.3f}")
    return lines


def _outcome(wanted: bool, needs: str, measure: Callable[[], list[float]]) -> dict[str, Any]:
    if not wanted:
        return {"needs": needs}
    try:
        seconds = measure()
    except _SinkError as error:
        return {"problem": str(error)}
    return {
        "events": len(seconds),
        "p50": _percentile(seconds, 50),
        "p99": _percentile(seconds, 99),
    }


def _percentile(seconds: list[float], percent: int) -> float:
    """Nearest rank, in milliseconds: a value that was measured, none in between."""
    rank = math.ceil(percent / 100 * len(seconds))
    return round(1000 * sorted(seconds)[rank - 1], 3)


def _moments(source: Source, pipeline: Pipeline) -> Iterator[Moment]:
    """An event for each frame with a face that is read, made when it is asked for."""
    example: EmotionEvent | None = None
    faceless = 0
    while faceless < _FACELESS:
        frame = source.read(timeout=10.0)
        if frame is None:
            raise AgentError(f"{source.name}: no frame for 10 seconds")
        events = [event for event in pipeline.process(frame) if event.emotion in EMOTIONS]
        example = events[0] if events else example
        read = [shown for shown in pipeline.shown if shown.emotion in EMOTIONS]
        faceless = 0 if read else faceless + 1
        if read and example is not None:
            event = replace(
                example,
                id=str(uuid4()),
                type="changed",
                time=frame.wall,
                frame=frame.index,
                track=read[0].id,
                box=read[0].box,
                emotion=read[0].emotion,
                confidence=read[0].confidence,
                latency_ms=1000 * (monotonic() - frame.captured),
            )
            yield event, frame.captured
    raise AgentError(f"{source.name}: no face is read in {_FACELESS} frames")


def _to_first_sample(
    settings: AudioSettings, moments: Iterator[Moment], rounds: int
) -> list[float]:
    """Seconds from the capture of a frame until the first sample of its cue goes out."""
    ungated = {
        "emotions": EMOTIONS,
        "min_confidence": 0.0,
        "cooldown": 0.0,
        "cooldown_any": 0.0,
        "quiet_hours": None,
        "mute": False,
    }
    health: list[str] = []
    sink = AudioSink(settings.model_copy(update=ungated), health=health.append)
    player = sink.player
    seconds: list[float] = []
    try:
        _wait(lambda: health, _READY, lambda: "the sound device does not answer")
        while len(seconds) < rounds:
            if health[-1] != "ok":
                raise _SinkError(health[-1])
            sink.publish(next(moments)[0])
            _wait(
                lambda: player.asked == player.played + player.dropped,
                _ROUND,
                lambda: "the sound device does not answer",
            )
            if player.played > len(seconds) and player.latency is not None:
                seconds.append(player.latency)
    finally:
        sink.close()
    return seconds


def _to_broker(settings: Settings, moments: Iterator[Moment], rounds: int) -> list[float]:
    """Seconds from the capture of a frame until the broker has acknowledged its event."""
    # Under a name of its own: who listens to the device must not take this for what it sees.
    device = f"{settings.device[:57]}-bench"
    mqtt = settings.mqtt.model_copy(update={"home_assistant": False})
    own = settings.model_copy(update={"device": device, "mqtt": mqtt})
    board = StatusBoard()
    board.show(Status(state="live"))
    seconds: list[float] = []
    with TemporaryDirectory(prefix="emotion-agent-") as folder:
        sink = MqttSink(own, Control(), board, Path(folder))
        try:
            _wait(lambda: _health(board) != "connecting", _READY, lambda: "no answer")
            while len(seconds) < rounds:
                if _health(board) != "ok":
                    raise _SinkError(_health(board).partition("; trying again")[0])
                event, captured = next(moments)
                sink.publish(replace(event, device=device))
                _wait(
                    lambda: sink.outbox.delivered > len(seconds),
                    _ROUND,
                    lambda: f"an event is not acknowledged ({_health(board)})",
                )
                seconds.append(sink.outbox.delivered_at - captured)
        finally:
            connected = _health(board) == "ok"
            sink.close()
            if connected:
                _remove(device, mqtt)
    return seconds


def _remove(device: str, settings: MqttSettings) -> None:
    try:
        remove(device, settings)
    except AgentError as error:
        logger.warning("%s; emotion-agent mqtt remove --set device=%s tries again", error, device)


def _health(board: StatusBoard) -> str:
    return board.status.health["mqtt"]


def _wait(wanted: Callable[[], object], seconds: float, problem: Callable[[], str]) -> None:
    until = monotonic() + seconds
    while not wanted():
        if monotonic() > until:
            raise _SinkError(problem())
        sleep(_GLANCE)
