"""What the device is given: one cue at a time, the newest first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from agent.feedback.audio.pcm import FADE, TAIL, WIDTH, Voice

LOUD = np.full(4000, 10_000, np.int16)
OTHER = np.full(2000, -5_000, np.int16)


def drained(voice: Voice, period: int = 512) -> npt.NDArray[np.int16]:
    """Everything the voice still has, period by period."""
    periods = []
    while voice.waiting:
        periods.append(np.frombuffer(voice.take(period).pcm, np.int16))
    return np.concatenate(periods)


def test_a_cue_is_followed_by_silence_and_full_periods() -> None:
    voice = Voice()
    voice.start(1, LOUD.tobytes())
    samples = drained(voice)
    assert (samples[:4000] == LOUD).all()
    assert not samples[4000:].any()
    assert len(samples) >= 4000 + TAIL
    assert len(samples) % 512 == 0


def test_the_end_is_told_with_the_last_samples() -> None:
    voice = Voice()
    voice.start(1, LOUD.tobytes())
    assert [voice.take(4000 + TAIL - 1).ended, voice.take(1).ended] == [False, True]
    assert not voice.waiting


def test_the_first_samples_of_a_cue_are_told_once_with_its_number() -> None:
    voice = Voice()
    voice.start(7, LOUD.tobytes())
    assert [voice.take(100).began, voice.take(100).began] == [7, None]
    voice.start(8, OTHER.tobytes())
    assert [voice.take(100).began, voice.take(100).began] == [8, None]


def test_a_newer_cue_fades_the_older_out_and_takes_its_place() -> None:
    voice = Voice()
    voice.start(1, LOUD.tobytes())
    voice.take(1000)
    voice.start(2, OTHER.tobytes())
    samples = drained(voice)
    fading = samples[:FADE].astype(int)
    assert (np.diff(fading) <= 0).all()
    assert np.abs(np.diff(fading)).max() < 50  # no step that clicks
    assert (samples[FADE : FADE + 2000] == OTHER).all()
    assert not samples[FADE + 2000 :].any()


def test_of_many_cues_at_once_only_the_last_is_given() -> None:
    voice = Voice()
    for number in range(5):
        voice.start(number, LOUD.tobytes())
    voice.start(5, OTHER.tobytes())
    taken = voice.take(2000 + FADE)
    assert taken.began == 5
    assert len(drained(voice)) <= TAIL + 512
    assert len(taken.pcm) == (2000 + FADE) * WIDTH
