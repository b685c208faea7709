"""From probabilities to a held emotion, over time, for one track. Pure: time is an argument.

A single frame's best guess flickers. Four things make a decision of it: the probabilities are
filtered (first order low pass), a new emotion must reach an upper threshold, a held one is kept
down to a lower threshold (hysteresis, as in a Schmitt trigger), and a new one must lead for a while
before it is held (dwell). Where the evidence stays thin, the face is `unknown`, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS, UNKNOWN
from agent.types import Reason, Scores

if TYPE_CHECKING:
    from agent.settings import EmotionSettings


@dataclass(frozen=True)
class Held:
    """What a track shows, as decided."""

    emotion: str
    """One of the eight emotions, or `unknown`."""
    since: float
    """Frame time at which it was decided, in seconds."""
    reason: Reason | None = None
    """Why it is `unknown`."""


class Decision:
    """The decision about one track.

    >>> decision = Decision(EmotionSettings(dwell=0.1))
    >>> happy = Scores(np.eye(8, dtype=np.float32)[1])
    >>> decision.read(0.0, happy)  # leads, but not for long enough yet
    >>> decision.read(0.2, happy)
    Held(emotion='happiness', since=0.2, reason=None)
    """

    def __init__(self, settings: EmotionSettings) -> None:
        self._settings = settings
        self._smoothed: npt.NDArray[np.float64] | None = None
        self._updated = 0.0
        self._leader: int | None = None
        self._leads_since = 0.0
        self._thin_since: float | None = None
        self.held: Held | None = None
        self.calm = False
        """Whether the last frame alone showed what is held, and so nothing is about to change."""

    @property
    def scores(self) -> Scores | None:
        """The filtered probabilities; None before the first reading."""
        return None if self._smoothed is None else Scores(self._smoothed.astype(np.float32))

    @property
    def confidence(self) -> float:
        """Filtered probability of the held emotion; 0 for `unknown`."""
        if self.held is None or self.held.emotion == UNKNOWN or self._smoothed is None:
            return 0.0
        return float(self._smoothed[EMOTIONS.index(self.held.emotion)])

    def read(self, time: float, scores: Scores) -> Held | None:
        """Take the scores of a frame; returns the new `Held` if the decision changed."""
        smoothed = self._filter(time, scores)
        leader = int(smoothed.argmax())
        if leader != self._leader:
            self._leader, self._leads_since = leader, time
        held = self.held.emotion if self.held else None
        self.calm = scores.emotion == held == EMOTIONS[leader] and (
            scores.confidence >= self._settings.enter
        )
        strong = smoothed[leader] >= self._settings.enter
        if strong and EMOTIONS[leader] != held and self._led_for(time) >= self._settings.dwell:
            return self._hold(Held(EMOTIONS[leader], time))
        kept = held in EMOTIONS and smoothed[EMOTIONS.index(held)] >= self._settings.stay
        if kept:
            self._thin_since = None
        # A new emotion that leads but has not led for long enough yet is no thin evidence either.
        return None if strong or kept else self._thin(time, "undecided")

    def miss(self, time: float, reason: Reason) -> Held | None:
        """Take a frame in which the face could not be read; returns the new `Held`, if changed."""
        if time - self._updated > self._settings.dwell:
            self._leader = None  # what comes after a long gap has to lead afresh
        self.calm = self.held is not None and self.held.emotion == UNKNOWN
        return self._thin(time, reason)

    def _filter(self, time: float, scores: Scores) -> npt.NDArray[np.float64]:
        new = scores.probabilities.astype(np.float64)
        if self._smoothed is None or self._settings.smoothing == 0:
            smoothed = new
        else:
            gain = 1 - exp(-max(0.0, time - self._updated) / self._settings.smoothing)
            smoothed = self._smoothed + gain * (new - self._smoothed)
        self._smoothed, self._updated = smoothed, time
        return smoothed

    def _led_for(self, time: float) -> float:
        # A frame's tick of rounding must not cost a whole frame of waiting.
        return time - self._leads_since + 1e-6

    def _thin(self, time: float, reason: Reason) -> Held | None:
        if self._thin_since is None:
            self._thin_since = time
        if time - self._thin_since + 1e-6 < self._settings.unknown_dwell:
            return None
        if self.held is not None and self.held.emotion == UNKNOWN:
            return None
        return self._hold(Held(UNKNOWN, time, reason))

    def _hold(self, held: Held) -> Held:
        self.held = held
        self._thin_since = None
        return held
