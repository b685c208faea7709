"""What the API answers, and what it may be asked; the OpenAPI document is made of these."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.calibration import CalibrationState
from agent.setting_values import Emotion
from agent.types import EventType

Shown = Literal[
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown"
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Problem(_Model):
    """Why a request was not answered."""

    error: str


class TrackState(_Model):
    """A followed face."""

    track: int
    emotion: Shown
    confidence: float
    reason: str | None
    """Why it is `unknown`."""
    box: list[int]
    """x, y, width and height in pixels."""
    probabilities: dict[str, float] | None
    """Of all eight emotions; null before the face was read for the first time."""


class CalibrationAnswer(_Model):
    """What the resting face is misread as, and whether that is taken out."""

    state: CalibrationState
    refusal: str | None
    """Why the last measurement came to nothing; null if it did not fail."""
    trouble: str | None
    """Why what is kept is not applied."""
    about: str | None
    """What is applied, in words."""
    time: str | None
    """When it was measured."""
    readings: int
    taken_off: dict[str, float]
    """What is taken off the log odds of each emotion against neutral; at most 2."""


class State(_Model):
    """The agent at one moment."""

    time: datetime
    device: str
    state: str
    """starting, opening, live, stalled, paused, ended or stopping."""
    emotion: str
    """Of the face that is read with most confidence; `unknown`, or `none` without a face."""
    confidence: float
    tracks: list[TrackState]
    fps: float
    latency_ms: float
    frames: int
    dropped: int
    events: int
    reopened: int
    """How often the source was opened again."""
    muted: bool
    paused: bool
    calibration: CalibrationAnswer
    sound: bool
    """Whether this agent plays cues."""
    preview: bool
    """Whether the picture may be shown."""
    blurred: bool
    """Whether faces are always blurred in it."""
    health: dict[str, str]
    """How each part is, in words; `ok` where all is well."""
    temperature: float | None
    """Of the hottest part of the board that says so, in degrees Celsius."""
    source: str
    model: str
    version: str


class EventsQuery(_Model):
    """Which events, the newest of them, the oldest first."""

    since: str | None = None
    """How long ago (`1h`, `2d`) or an ISO time."""
    until: str | None = None
    emotion: Shown | None = None
    type: EventType | None = None
    track: Annotated[int, Field(ge=1, lt=1 << 63)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class Events(_Model):
    """Events as `emotion-agent run --events` tells them."""

    events: list[dict[str, Any]]


class TimelineQuery(_Model):
    """Which time."""

    since: str = "1h"
    """How long ago (`1h`, `2d`) or an ISO time."""
    until: str | None = None


class BarAnswer(_Model):
    """One face showing one emotion."""

    track: int
    emotion: Shown
    begin: datetime
    end: datetime | None
    """null if no end is known: the face shows it still, or the agent died."""


class TimelineAnswer(_Model):
    """Who showed what, and when."""

    since: datetime
    until: datetime
    bars: list[BarAnswer]
    complete: bool
    """False if there was more than can be told; the newest is here."""


class HistoryQuery(_Model):
    """Which time, and how finely."""

    by: Literal["hour", "day"] = "hour"
    since: str | None = None
    """How long ago or an ISO time; a day ago by hour, 30 days ago by day."""
    until: str | None = None


class BucketAnswer(_Model):
    """An hour or a day."""

    begin: datetime
    seconds: dict[str, float]
    """How long each emotion was shown, all faces together."""
    share: dict[str, float]
    """The same as shares of their sum."""
    events: dict[str, int]


class HistoryAnswer(_Model):
    """What was shown, by hour or day; empty ones are left out."""

    by: Literal["hour", "day"]
    buckets: list[BucketAnswer]


class Setting(_Model):
    """One setting as it is in effect."""

    key: str
    value: Any
    default: Any
    about: str


class SettingsAnswer(_Model):
    """All settings; secrets are masked."""

    settings: list[Setting]


class Switch(_Model):
    """What a switch is to be."""

    on: bool


class CueBody(_Model):
    """Which cue; that of the last emotion seen if none is named."""

    emotion: Emotion | None = None


class CalibrateBody(_Model):
    """Measure, or undo what was measured."""

    undo: bool = False


class NoBody(_Model):
    """Nothing to say."""


class Password(_Model):
    """The password, or the token."""

    password: Annotated[str, Field(max_length=200)]


class Done(_Model):
    """What a command did."""

    done: str


class PreviewQuery(_Model):
    """How the picture is to be."""

    blur: bool = False
    """Blur every face."""
    at: Annotated[str, Field(max_length=40)] | None = None
    """Ignored; keeps browsers from using an old picture."""
