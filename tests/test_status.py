"""What a running agent says of itself."""

from __future__ import annotations

import pytest

from agent.status import FrameRate, Status, StatusBoard, TrackStatus
from agent.types import Box

BOX = Box(0, 0, 50, 50)


def face(number: int, emotion: str, confidence: float) -> TrackStatus:
    return TrackStatus(number, emotion, confidence, None, BOX)


@pytest.mark.parametrize(
    ("tracks", "emotion"),
    [
        ((), "none"),
        ((face(1, "unknown", 0.0),), "unknown"),
        ((face(1, "anger", 0.6), face(2, "fear", 0.9)), "fear"),
        ((face(1, "unknown", 0.0), face(2, "fear", 0.2)), "fear"),
    ],
)
def test_the_dominant_emotion_is_the_surest(tracks: tuple[TrackStatus, ...], emotion: str) -> None:
    assert Status(tracks=tracks).emotion == emotion


def test_health_is_what_the_parts_report_whoever_shows_the_status() -> None:
    board = StatusBoard()
    board.report("mqtt", "connecting")
    board.show(Status(state="live"))
    assert (board.status.state, board.status.health) == ("live", {"mqtt": "connecting"})
    board.report("mqtt")
    board.report("audio", "no sound card")
    assert board.status.health == {"mqtt": "ok", "audio": "no sound card"}
    board.forget("audio")
    assert board.status.health == {"mqtt": "ok"}


def test_the_frame_rate_falls_when_frames_stay_away() -> None:
    rate = FrameRate()
    assert rate.at(0.0) == 0
    for tick in range(60):
        rate.tick(tick / 20)
    assert rate.at(59 / 20) == pytest.approx(20)
    assert 0 < rate.at(5.0) < 20
    assert rate.at(10.0) == 0


@pytest.mark.parametrize(
    ("status", "summary"),
    [
        (Status(), "starting"),
        (Status(state="opening"), "starting"),
        (Status(state="live", fps=14.8), "live: 0 faces, 15 frames a second"),
        (Status(state="live", tracks=(face(1, "fear", 0.9),)), "live: 1 face, 0 frames a second"),
        (Status(state="stalled", source="hall"), "degraded (hall sends no picture)"),
        (
            Status(state="live", health={"mqtt": "connecting", "audio": "ok", "history": "full"}),
            "degraded (mqtt: connecting; history: full)",
        ),
        (Status(state="opening", health={"source": "no camera"}), "degraded (source: no camera)"),
        (Status(state="paused", health={"mqtt": "lost"}), "paused (mqtt: lost)"),
        (Status(state="ended"), "stopping"),
        (Status(state="stopping"), "stopping"),
    ],
)
def test_the_summary_tells_the_condition_and_why(status: Status, summary: str) -> None:
    assert status.summary == summary
    assert summary.startswith(status.condition)
