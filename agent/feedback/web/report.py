"""What the page is told of the agent: its state and its settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from agent import __version__
from agent.calibration import Calibration, in_words
from agent.control import Control
from agent.feedback.queued import QueuedSink
from agent.feedback.sink import Sink
from agent.feedback.web.answers import CalibrationAnswer, Setting, State, TrackState
from agent.setting_words import words
from agent.settings import Settings
from agent.sources.opening import public_name
from agent.status import State as AgentState
from agent.status import Status, StatusBoard, TrackStatus

_SOURCE: Final[dict[AgentState, str]] = {
    "starting": "not opened yet",
    "opening": "being opened",
    "live": "ok",
    "stalled": "sends no pictures; trying again until it works",
    "paused": "off, as the agent is paused",
    "ended": "has ended",
    "stopping": "being closed",
}
THERMAL: Final = Path("/sys/class/thermal")
"""Where Linux tells temperatures, in thousandths of a degree."""
_MASK: Final = "***"


@dataclass(frozen=True)
class Reporter:
    """Puts reports together; for any thread."""

    settings: Settings
    control: Control
    board: StatusBoard
    sinks: list[Sink]

    def state(self) -> State:
        """The agent now."""
        status = self.board.status
        dominant = status.dominant
        return State(
            time=datetime.now(timezone.utc),
            device=self.settings.device,
            state=status.state,
            emotion=status.emotion,
            confidence=round(dominant.confidence, 4) if dominant else 0.0,
            tracks=[_track(track) for track in self._tracks(status)],
            fps=status.fps,
            latency_ms=status.latency_ms,
            frames=status.frames,
            dropped=status.dropped,
            events=status.events,
            reopened=status.reopened,
            muted=self.control.muted,  # the status is a quarter of a second old
            paused=self.control.paused,
            calibration=_calibration(self.control.calibration),
            sound=self.settings.audio.enabled,
            preview=self.settings.web.preview,
            blurred=self.settings.web.blur_faces,
            health=_health(status, self.sinks),
            temperature=max(temperatures().values(), default=None),
            source=status.source,
            model=status.model,
            version=__version__,
        )

    def _tracks(self, status: Status) -> tuple[TrackStatus, ...]:
        """Those of the newest frame, which is younger than the status."""
        view = self.board.view
        return view.tracks if view is not None else status.tracks

    def effective_settings(self) -> list[Setting]:
        """Every setting in effect, secrets and passwords in addresses masked."""
        return list(_settings(self.settings, type(self.settings)(device="(host name)")))


def temperatures(folder: Path = THERMAL) -> dict[str, float]:
    """Degrees Celsius by the zone's name; empty where the board does not tell."""
    found: dict[str, float] = {}
    for zone in sorted(folder.glob("thermal_zone*")):
        try:
            name = (zone / "type").read_text().strip()
            found[f"{zone.name} {name}"] = int((zone / "temp").read_text()) / 1000
        except (OSError, ValueError):
            continue  # a zone that is switched off cannot be read
    return found


def _health(status: Status, sinks: Iterable[Sink]) -> dict[str, str]:
    own = {sink.name: sink.health for sink in sinks if isinstance(sink, QueuedSink)}
    return {"source": _SOURCE[status.state]} | own | status.health


def _calibration(calibration: Calibration) -> CalibrationAnswer:
    kept = calibration.kept if calibration.baseline is not None else None
    return CalibrationAnswer(
        state=calibration.state,
        refusal=calibration.refusal,
        trouble=calibration.trouble,
        about=in_words(kept) if kept is not None else None,
        time=kept.time if kept is not None else None,
        readings=kept.readings if kept is not None else 0,
        taken_off=kept.baseline.taken_off if kept is not None else {},
    )


def _track(track: TrackStatus) -> TrackState:
    return TrackState(
        track=track.id,
        emotion=track.emotion,  # type: ignore[arg-type]  # checked when it is made
        confidence=round(track.confidence, 4),
        reason=track.reason,
        box=track.box.rounded(),
        probabilities=track.scores.by_name() if track.scores is not None else None,
    )


def _settings(section: BaseModel, usual: BaseModel, prefix: str = "") -> Iterable[Setting]:
    for name in type(section).model_fields:
        value, default, key = getattr(section, name), getattr(usual, name), prefix + name
        if isinstance(value, BaseModel):
            yield from _settings(value, default, f"{key}.")
            continue
        about = " ".join(words(type(section), name).split())
        yield Setting(
            key=key, value=_public(key, value), default=_public(key, default), about=about
        )


def _public(key: str, value: Any) -> Any:
    """A value as anybody may see it."""
    if isinstance(value, SecretStr):
        return _MASK
    if key == "source.uri" and "://" in value:
        return public_name(value)
    return value
