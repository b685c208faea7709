"""Spoken cues, by espeak-ng."""

from __future__ import annotations

import shutil
import subprocess
from typing import Final

import numpy as np

from agent.errors import AgentError
from agent.feedback.audio.recordings import pcm_samples
from agent.feedback.audio.samples import Samples, levelled, resampled

_ESPEAK: Final = "espeak-ng"
_HEADER: Final = 44  # bytes; espeak-ng streams, so the lengths in its WAV header are not true
_TIMEOUT: Final = 10.0  # seconds
_SILENT: Final = 0.003  # full scale 1; quieter samples before and after the speech are cut off


def can_speak() -> bool:
    """Whether espeak-ng is installed."""
    return shutil.which(_ESPEAK) is not None


def speak(text: str, voice: str) -> Samples:
    """A phrase as a cue. Raises `AgentError` for a voice or a phrase that cannot be spoken."""
    command = [_ESPEAK, "-v", voice, "--stdout", "--", text]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentError(f"audio: {_ESPEAK} cannot say {text!r}: {error}") from None
    if len(done.stdout) <= _HEADER:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise AgentError(
            f"audio.voice: {_ESPEAK} cannot speak as {voice!r}: {said[-1] if said else 'no sound'} "
            f"({_ESPEAK} --voices lists those there are)"
        )
    rate = int.from_bytes(done.stdout[24:28], "little")
    samples = _trimmed(pcm_samples(done.stdout[_HEADER:], 2, 1))
    if not len(samples):
        raise AgentError(f"audio.phrases: nothing is heard of {text!r}")
    return levelled(resampled(samples, rate))


def _trimmed(samples: Samples) -> Samples:
    heard = np.flatnonzero(np.abs(samples) > _SILENT)
    return samples[heard[0] : heard[-1] + 1] if len(heard) else samples[:0]
