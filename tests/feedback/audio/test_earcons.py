"""The earcons: short, equally loud, and told apart by what is measured of their samples."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion.labels import EMOTIONS
from agent.feedback.audio.earcons import EARCONS, earcon
from agent.feedback.audio.pcm import RATE
from agent.feedback.audio.samples import Samples

Floats = npt.NDArray[np.float64]

WINDOW = RATE // 25  # 40 ms
HOP = RATE // 200  # 5 ms


def spectrogram(samples: Samples) -> Floats:
    """Magnitudes, windows x frequencies."""
    padded = np.pad(samples, WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    return np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1))


def pitch_track(samples: Samples) -> Floats:
    """Fundamental frequency in Hz of each window that sounds, by its autocorrelation."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    energy = (frames**2).mean(axis=1)
    track = []
    for frame in frames[energy > energy.max() / 100]:
        spectrum = np.fft.rfft(frame * np.hanning(WINDOW), 2 * WINDOW)
        shape = np.fft.irfft(np.abs(spectrum) ** 2)
        lags = slice(RATE // 1400, RATE // 280)
        track.append(RATE / (lags.start + shape[lags].argmax()))
    return np.array(track)


def contour(samples: Samples) -> float:
    """How far the pitch goes from the first tenth to the last, in semitones."""
    track = np.log2(pitch_track(samples)) * 12
    tenth = max(1, len(track) // 10)
    return float(np.median(track[-tenth:]) - np.median(track[:tenth]))


def centroid(samples: Samples) -> float:
    """Centre of the spectrum, in Hz."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float((power * np.fft.rfftfreq(len(samples), 1 / RATE)).sum() / power.sum())


@dataclass(frozen=True)
class Heard:
    """Measured of an earcon, in steps that are easily heard by anyone."""

    duration: float
    """In steps of a fifth."""
    register: float
    """Median pitch, in steps of two semitones."""
    contour: float
    """In steps of three semitones."""
    brightness: float
    """Spectral centroid, in steps of a fifth."""
    roughness: float
    """Depth of the amplitude's beating at 70 Hz, in steps of 0.15."""


def beating(samples: Samples) -> float:
    """Depth of the amplitude's beating around 70 Hz, against the mean amplitude."""
    envelope = np.convolve(np.abs(samples), np.ones(RATE // 300) / (RATE // 300), "same")
    spectrum = np.abs(np.fft.rfft(envelope * np.hanning(len(envelope))))
    frequency = np.fft.rfftfreq(len(envelope), 1 / RATE)
    near = (frequency > 65) & (frequency < 75)
    return float(2 * spectrum[near].max() / spectrum[0])


def measured(emotion: str) -> Heard:
    samples = earcon(emotion)
    return Heard(
        duration=float(np.log(len(samples) / RATE) / np.log(1.2)),
        register=float(np.log2(np.median(pitch_track(samples))) * 6),
        contour=contour(samples) / 3,
        brightness=float(np.log(centroid(samples)) / np.log(1.2)),
        roughness=beating(samples) / 0.15,
    )


MEASURED = {emotion: measured(emotion) for emotion in EMOTIONS}


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_an_earcon_is_short_and_begins_and_ends_without_a_click(emotion: str) -> None:
    samples = earcon(emotion)
    assert 0.2 <= len(samples) / RATE <= 0.7
    assert np.abs(samples).max() < 1
    assert np.abs(samples[[0, 1, -2, -1]]).max() < 0.01


def test_all_earcons_are_equally_loud() -> None:
    loudness = []
    for emotion in EMOTIONS:
        power = np.convolve(earcon(emotion) ** 2, np.ones(RATE // 10) / (RATE // 10), "valid")
        loudness.append(10 * np.log10(power.max()))
    assert max(loudness) - min(loudness) < 0.1  # dB


@pytest.mark.parametrize(("one", "other"), list(combinations(EMOTIONS, 2)))
def test_any_two_differ_clearly_in_two_ways_or_more(one: str, other: str) -> None:
    steps = np.abs(np.subtract(astuple(MEASURED[one]), astuple(MEASURED[other])))
    assert (steps >= 1).sum() >= 2, steps
    assert steps.sum() >= 4, steps


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_the_melody_goes_the_way_of_the_pleasure(emotion: str) -> None:
    pleasure = EARCONS[emotion].affect.pleasure
    assert np.sign(np.round(contour(earcon(emotion)))) == np.sign(pleasure)


def test_the_more_arousal_the_brighter_is_the_timbre() -> None:
    by_arousal = sorted(EMOTIONS, key=lambda emotion: EARCONS[emotion].affect.arousal)
    above_pitch = [
        centroid(earcon(emotion)) / np.median(pitch_track(earcon(emotion)))
        for emotion in by_arousal
    ]
    assert np.corrcoef(np.argsort(np.argsort(above_pitch)), range(8))[0, 1] > 0.8


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_each_is_recognised_from_a_small_loudspeaker_in_a_noisy_room(emotion: str) -> None:
    noise = np.random.default_rng(20260504)
    patterns = {name: spectrogram(earcon(name)) for name in EMOTIONS}
    for _ in range(5):
        samples = through_small_loudspeaker(earcon(emotion)) * noise.uniform(0.2, 1)
        level = np.sqrt((samples**2).mean())
        noisy = samples + noise.normal(0, level, len(samples))  # as loud as the cue
        seen = spectrogram(noisy.astype(np.float32))
        likeness = {name: similarity(seen, pattern) for name, pattern in patterns.items()}
        assert max(likeness, key=lambda name: likeness[name]) == emotion


def through_small_loudspeaker(samples: Samples) -> Samples:
    """Nothing below 300 Hz, less and less above 5 kHz."""
    spectrum = np.fft.rfft(samples)
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[frequency < 300] = 0
    spectrum /= 1 + (frequency / 5000) ** 2
    return np.asarray(np.fft.irfft(spectrum, len(samples)), np.float32)


def similarity(seen: Floats, pattern: Floats) -> float:
    """Correlation of two spectrograms of 0 to 5 kHz, the shorter filled up with silence."""
    length, band = max(len(seen), len(pattern)), slice(0, 5000 * WINDOW // RATE)
    a, b = (np.zeros((length, band.stop)) for _ in range(2))
    a[: len(seen)], b[: len(pattern)] = seen[:, band], pattern[:, band]
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))
