"""A short sound for each emotion, synthesised.

What a sound is like follows where its emotion lies in the space of pleasure, arousal and dominance
(Russell and Mehrabian 1977, "Evidence for a three-factor theory of emotions"):

- pleasure: the melody rises where it is positive and falls where it is negative;
- arousal: shorter notes, harder attacks and a brighter timbre (as in voices, Banse and Scherer
  1996);
- dominance: a lower register (the frequency code, Ohala 1984);
- displeasure together with arousal: roughness, an amplitude that beats at 70 Hz, where it is
  strongest (Fastl and Zwicker, "Psychoacoustics", chapter 11).

All pitches are between 300 and 1,100 Hz, so that the loudspeaker of a small board carries them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from agent.feedback.audio.pcm import RATE
from agent.feedback.audio.samples import Samples, levelled

_MIDDLE: Final = 523.25  # Hz, C5: where a neutral voice would be
_BEAT: Final = 0.15  # seconds of a note at no arousal
_ROUGH: Final = 70.0  # Hz
_HIGHEST: Final = 9_000.0  # Hz; harmonics above are left out


def _octaves(count: float) -> float:
    """The ratio of two frequencies, or two times, that far apart."""
    return float(2.0**count)


@dataclass(frozen=True)
class Affect:
    """Where an emotion lies, each from -1 to 1."""

    pleasure: float
    arousal: float
    dominance: float

    @property
    def pitch(self) -> float:
        """Frequency of the melody's ground note, in Hz."""
        return _MIDDLE * _octaves(0.3 * self.arousal - 1.2 * self.dominance)

    @property
    def beat(self) -> float:
        """Seconds."""
        return _BEAT * _octaves(-1.2 * self.arousal)

    @property
    def slope(self) -> float:
        """By which power of its number a harmonic is weaker than the first."""
        return 2.8 - 2.2 * self.arousal

    @property
    def attack(self) -> float:
        """Seconds."""
        return 0.015 * _octaves(-2 * self.arousal)

    @property
    def roughness(self) -> float:
        """Depth of the beating, 0 to 1."""
        return min(1.0, 2.2 * max(0.0, -self.pleasure) * max(0.0, self.arousal))


@dataclass(frozen=True)
class Note:
    """A note or a glide, in semitones from the ground note and in beats."""

    start: float
    end: float
    beats: float
    rest: float = 0.0
    """Silence after it."""


@dataclass(frozen=True)
class Earcon:
    """How an emotion sounds."""

    affect: Affect
    melody: tuple[Note, ...]


# The numbers of six emotions are those of Russell and Mehrabian's table for "happy", "surprised",
# "sad", "angry", "disgust" and "fearful". Contempt is not in it and lies in Mehrabian's octant
# "disdainful" (displeased, unaroused, dominant); how far in is our choice.
EARCONS: Final[dict[str, Earcon]] = {
    "neutral": Earcon(Affect(0.0, 0.0, 0.0), (Note(0, 0, 1.4),)),
    "happiness": Earcon(  # a major chord, climbed
        Affect(0.81, 0.51, 0.46), (Note(0, 0, 1), Note(4, 4, 1), Note(7, 7, 1), Note(12, 12, 2))
    ),
    "surprise": Earcon(  # a pick-up, then a swoop
        Affect(0.40, 0.67, -0.13), (Note(0, 0, 0.7, 0.3), Note(0, 8, 2.2))
    ),
    "sadness": Earcon(  # a sigh
        Affect(-0.63, -0.27, -0.33), (Note(0, 0, 1.4), Note(-3, -5, 2.2))
    ),
    "anger": Earcon(  # hammering
        Affect(-0.51, 0.59, 0.25),
        (Note(0, 0, 0.8, 0.4), Note(0, 0, 0.8, 0.4), Note(0, 0, 0.8, 0.4), Note(-4, -4, 1.4)),
    ),
    "disgust": Earcon(  # one long slide down
        Affect(-0.60, 0.35, 0.11), (Note(1, -8, 3.6),)
    ),
    "fear": Earcon(  # a trill that sinks
        Affect(-0.64, 0.60, -0.43),
        tuple(Note(pitch, pitch, 0.55) for pitch in (0, 3, 0, 3, -1, 2, -2, 1, -3)),
    ),
    "contempt": Earcon(  # two dry notes
        Affect(-0.40, -0.15, 0.40), (Note(0, 0, 0.5, 0.5), Note(-2, -2, 0.8))
    ),
}


def earcon(emotion: str) -> Samples:
    """The sound of one of the eight emotions, between 0.2 and 0.7 seconds."""
    affect, melody = EARCONS[emotion].affect, EARCONS[emotion].melody
    whole = np.concatenate([part for note in melody for part in _sounded(note, affect)])
    return levelled(_rough(whole, affect.roughness).astype(np.float32))


def _sounded(note: Note, affect: Affect) -> tuple[npt.NDArray[np.float64], ...]:
    """A note and the rest after it."""
    count = round(note.beats * affect.beat * RATE)
    semitones = np.linspace(note.start, note.end, count)
    frequency = affect.pitch * 2.0 ** (semitones / 12)
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    highest = int(_HIGHEST / frequency.max())
    tone = np.zeros(count)
    for k in range(1, highest + 1):
        tone += k**-affect.slope * np.sin(k * phase)
    return tone * _envelope(count, affect.attack), np.zeros(round(note.rest * affect.beat * RATE))


def _envelope(count: int, attack: float) -> npt.NDArray[np.float64]:
    """Rises, sinks slowly to a half, and fades out over a fifth of the note."""
    rise = min(count // 3, round(attack * RATE)) or 1
    fall = count // 5 or 1
    shape = np.linspace(1.0, 0.5, count)
    shape[:rise] *= np.sin(np.linspace(0, np.pi / 2, rise)) ** 2
    shape[-fall:] *= np.cos(np.linspace(0, np.pi / 2, fall)) ** 2
    return shape


def _rough(tone: npt.NDArray[np.float64], depth: float) -> npt.NDArray[np.float64]:
    beating = np.sin(2 * np.pi * _ROUGH * np.arange(len(tone)) / RATE)
    return tone * (1 - depth * (0.5 + 0.5 * beating))
