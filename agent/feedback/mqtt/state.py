"""The retained `state` message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent import __version__
from agent.status import Status, TrackStatus


@dataclass(frozen=True)
class Mail:
    """How the delivery of events goes, since the start."""

    waiting: int
    dropped: int
    """Events that had to make room."""
    expired: int
    """Events that got too old."""
    rejected: int
    """Events that the broker will never take."""


def state_message(device: str, status: Status, mail: Mail, now: datetime) -> dict[str, Any]:
    """The state as JSON carries it; `now` in UTC."""
    dominant = status.dominant
    return {
        "time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "device": device,
        "state": status.state,
        "condition": status.condition,
        "faces": len(status.tracks),
        "emotion": status.emotion,
        "confidence": round(dominant.confidence, 4) if dominant else 0.0,
        "tracks": [_track(track) for track in status.tracks],
        "fps": status.fps,
        "frames": status.frames,
        "dropped": status.dropped,
        "events": status.events,
        "muted": status.muted,
        "paused": status.paused,
        "calibration": {"state": status.calibration, "refusal": status.calibration_refusal},
        "health": status.health,
        "outbox": {
            "waiting": mail.waiting,
            "dropped": mail.dropped,
            "expired": mail.expired,
            "rejected": mail.rejected,
        },
        "source": status.source,
        "model": status.model,
        "version": __version__,
    }


def gist(status: Status) -> tuple[object, ...]:
    """What of a status is told at once when it changes; the rest are numbers."""
    shown = tuple((track.id, track.emotion) for track in status.tracks)
    calibration = status.calibration, status.calibration_refusal
    switches = status.muted, status.paused, *calibration
    return status.state, shown, *switches, tuple(status.health.items())


def _track(track: TrackStatus) -> dict[str, Any]:
    return {
        "track": track.id,
        "emotion": track.emotion,
        "confidence": round(track.confidence, 4),
        "reason": track.reason,
        "box": track.box.rounded(),
    }
