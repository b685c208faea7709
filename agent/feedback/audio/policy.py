"""Which events may sound, and when. Pure: both clocks are arguments."""

from __future__ import annotations

from datetime import time
from math import inf
from typing import TYPE_CHECKING, Literal

from agent.types import EmotionEvent

if TYPE_CHECKING:
    from agent.settings import AudioSettings

Refusal = Literal["not chosen", "unsure", "muted", "quiet hours", "cooling down"]
"""Why an event stays silent."""


class CuePolicy:
    """When to cue; remembers what has sounded.

    >>> policy = CuePolicy(AudioSettings(quiet_hours="22:00-07:00"))
    >>> policy.is_quiet(time(23, 30)), policy.is_quiet(time(7, 0))
    (True, False)
    """

    def __init__(self, settings: AudioSettings) -> None:
        self._settings = settings
        self._quiet = quiet_hours(settings.quiet_hours)
        self._sounded: dict[str, float] = {}
        self._any = -inf

    def refusal(self, event: EmotionEvent, now: float, clock: time, muted: bool) -> Refusal | None:
        """Why this event has no cue; None if it has one, which then counts as sounded.

        `now` is in seconds of a monotonic clock, for the cool-downs; `clock` is the local time of
        day.
        """
        chosen = event.type != "ended" and event.emotion in self._settings.emotions
        if not chosen:
            return "not chosen"
        if event.confidence < self._settings.min_confidence:
            return "unsure"
        if muted:
            return "muted"
        if self.is_quiet(clock):
            return "quiet hours"
        if self._cools(event.emotion, now):
            return "cooling down"
        self._sounded[event.emotion] = self._any = now
        return None

    def is_quiet(self, clock: time) -> bool:
        """Whether this time of day is in the quiet hours; their end is not."""
        return any(
            begin <= clock < end if begin <= end else clock >= begin or clock < end
            for begin, end in self._quiet
        )

    def _cools(self, emotion: str, now: float) -> bool:
        return (
            now - self._any < self._settings.cooldown_any
            or now - self._sounded.get(emotion, -inf) < self._settings.cooldown
        )


def quiet_hours(text: str | None) -> list[tuple[time, time]]:
    """The spans in `HH:MM-HH:MM, ...`; one that ends before it begins goes over midnight.

    >>> quiet_hours("22:00-07:00")
    [(datetime.time(22, 0), datetime.time(7, 0))]
    """
    spans = []
    for span in (text or "").replace(" ", "").split(","):
        if span:
            begin, end = map(time.fromisoformat, span.split("-"))
            spans.append((begin, end))
    return spans
