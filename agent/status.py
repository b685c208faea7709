"""What a running agent is doing, for those who show it: MQTT, a web page."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock
from time import monotonic
from typing import Final, Literal

from agent.calibration import CalibrationState
from agent.emotion.labels import UNKNOWN
from agent.stages import StageClock
from agent.types import Box, Frame, Reason, Scores

State = Literal["starting", "opening", "live", "stalled", "paused", "ended", "stopping"]
"""What the agent is doing: the state of its source, `starting`, `paused` (camera off) or
`stopping`."""

Condition = Literal["starting", "live", "degraded", "paused", "stopping"]
"""How the agent is on the whole: `degraded` while it runs and something ails it."""

NOBODY: Final = "none"
"""The dominant emotion where there is no face."""

_RATE_OVER: Final = 3.0
"""Seconds that the frame rate is counted over."""


@dataclass(frozen=True)
class TrackStatus:
    """A followed face and what it shows."""

    id: int
    emotion: str
    """One of the eight emotions, or `unknown`; `unknown` too before the first decision."""
    confidence: float
    """Filtered probability of the emotion; 0 for `unknown`."""
    reason: Reason | None
    box: Box
    scores: Scores | None = field(default=None, compare=False)
    """Filtered probabilities of all emotions; None before the first reading."""


@dataclass(frozen=True)
class Status:
    """The agent at one moment."""

    state: State = "starting"
    source: str = ""
    model: str = ""
    frames: int = 0
    """Frames worked on since the start."""
    dropped: int = 0
    """Frames that came too fast since the start."""
    events: int = 0
    """Events decided since the start."""
    fps: float = 0.0
    """Frames worked on a second, over the last seconds."""
    latency_ms: float = 0.0
    """From the capture of the newest frame until it was worked on."""
    reopened: int = 0
    """How often the source was opened again since the start, as it failed or fell silent."""
    tracks: tuple[TrackStatus, ...] = ()
    muted: bool = False
    paused: bool = False
    calibration: CalibrationState = "none"
    """Whether what the resting face is misread as is taken out, or being measured."""
    calibration_refusal: str | None = None
    """Why the last neutral calibration came to nothing; None if it did not fail."""
    health: dict[str, str] = field(default_factory=dict)
    """What ails each part, in words, by the part's name; `ok` where nothing does."""

    @property
    def ailments(self) -> list[str]:
        """What ails the parts, as `part: words`."""
        return [f"{part}: {words}" for part, words in self.health.items() if words != "ok"]

    @property
    def condition(self) -> Condition:
        """How the agent is on the whole."""
        if self.state in ("starting", "paused", "stopping"):
            return self.state
        if self.state == "ended":
            return "stopping"
        if self.ailments or self.state == "stalled":
            return "degraded"
        return "starting" if self.state == "opening" else "live"

    @property
    def summary(self) -> str:
        """The condition and its reasons, for one line of `systemctl status`."""
        if self.condition == "degraded":
            reasons = self.ailments or [f"{self.source} sends no picture"]
            return f"degraded ({'; '.join(reasons)})"
        if self.condition == "live":
            faces = "1 face" if len(self.tracks) == 1 else f"{len(self.tracks)} faces"
            return f"live: {faces}, {self.fps:.0f} frames a second"
        ailing = f" ({'; '.join(self.ailments)})" if self.ailments else ""
        return f"{self.condition}{ailing}"

    @property
    def dominant(self) -> TrackStatus | None:
        """The face that is read with most confidence; None if none is read as an emotion."""
        read = [track for track in self.tracks if track.emotion != UNKNOWN]
        return max(read, key=lambda track: track.confidence, default=None)

    @property
    def emotion(self) -> str:
        """The dominant emotion; `unknown` if no face can be read, `none` without a face."""
        if self.dominant is not None:
            return self.dominant.emotion
        return UNKNOWN if self.tracks else NOBODY


@dataclass(frozen=True)
class View:
    """A frame and the faces followed in it."""

    frame: Frame
    tracks: tuple[TrackStatus, ...] = ()


@dataclass(frozen=True)
class ServerReading:
    """What one model server has done since the start."""

    name: str
    ready: bool
    """Whether it reads faces now."""
    answered: int
    """Frames read in time."""
    late: int
    """Frames not answered in time."""
    losses: int
    """How often it was lost after it had been ready."""


@dataclass(frozen=True)
class RemoteReading:
    """Who has read the frames with faces, where model servers do."""

    by_server: int = 0
    by_local_model: int = 0
    servers: tuple[ServerReading, ...] = ()


class StatusBoard:
    """Holds the newest `Status`. The service writes it; any thread may read it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._status = Status()
        self._health: dict[str, str] = {}
        self.view: View | None = None
        """The newest frame and its faces; None while the camera is off."""
        self.stages = StageClock()
        """How long the stages of the work take, since the start."""
        self.reconnects: Counter[str] = Counter()
        """How often a part made its connection again, since the start; each counts its own."""
        self.remote: Callable[[], RemoteReading] = RemoteReading
        """Asks the runtime about its model servers; without any there is nothing to tell."""
        self.shown_at: float | None = None
        """When the status was last shown, by `time.monotonic()`: an agent that hangs shows none."""

    @property
    def frame(self) -> Frame | None:
        """The newest frame; None while the camera is off."""
        view = self.view
        return view.frame if view is not None else None

    @property
    def status(self) -> Status:
        return self._status

    def show(self, status: Status) -> None:
        """Replace the status; `health` is taken from the reports of the parts."""
        with self._lock:
            self._status = _with_health(status, self._health)
            self.shown_at = monotonic()

    def report(self, part: str, health: str = "ok") -> None:
        """Say how a part is: `ok`, or what ails it in a few words. Any thread may."""
        with self._lock:
            self._health[part] = health
            self._status = _with_health(self._status, self._health)

    def forget(self, part: str) -> None:
        """The part is no longer there."""
        with self._lock:
            self._health.pop(part, None)
            self._status = _with_health(self._status, self._health)


class FrameRate:
    """Frames a second over the last seconds.

    >>> rate = FrameRate()
    >>> for tenth in range(31):
    ...     rate.tick(tenth / 10)
    >>> round(rate.at(3.0), 1)
    10.0
    """

    def __init__(self) -> None:
        self._ticks: deque[float] = deque()

    def tick(self, now: float | None = None) -> None:
        """Count a frame, at `now` seconds of a monotonic clock."""
        self._ticks.append(monotonic() if now is None else now)
        self._forget(self._ticks[-1])

    def at(self, now: float | None = None) -> float:
        """The rate at `now`."""
        now = monotonic() if now is None else now
        self._forget(now)
        if len(self._ticks) < 2:
            return 0.0
        return (len(self._ticks) - 1) / max(now - self._ticks[0], 1e-3)

    def _forget(self, now: float) -> None:
        while self._ticks and self._ticks[0] < now - _RATE_OVER:
            self._ticks.popleft()


def _with_health(status: Status, health: dict[str, str]) -> Status:
    return replace(status, health=dict(health))
