"""Reads a person's own WAV files."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from agent.errors import AgentError
from agent.feedback.audio.samples import Samples, levelled, resampled

_LONGEST: Final = 10.0  # seconds; more is no cue
_SLOWEST, _FASTEST = 1000, 768_000  # samples a second; a header that says else is damaged


def read_wav(path: Path, setting: str) -> Samples:
    """A WAV file as a cue: channels mixed down, resampled, as loud as the other cues.

    Raises `AgentError` that names the `setting` and the file for one that cannot be used.
    """
    try:
        with wave.open(str(path)) as file:
            channels, width, rate, frames, *_ = file.getparams()
            data = file.readframes(min(frames, round((_LONGEST + 1) * rate)))
        if width > 4 or not _SLOWEST <= rate <= _FASTEST:
            raise wave.Error(f"{8 * width} bits a sample, {rate} samples a second")
    except (wave.Error, EOFError, OSError, RuntimeError) as error:
        # `wave` has a RuntimeError without words for a chunk that ends past the file.
        problem = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise AgentError(
            f"{setting}: {path}: {problem or 'not a whole WAV file'} (PCM WAV is needed; "
            "ffmpeg -i FILE -c:a pcm_s16le OUT.wav makes one)"
        ) from None
    samples = pcm_samples(data, width, channels)
    if not samples.any():
        raise AgentError(f"{setting}: {path}: there is no sound in it")
    if len(samples) > _LONGEST * rate:
        raise AgentError(f"{setting}: {path}: a cue may last {_LONGEST:.0f} seconds at most")
    return levelled(resampled(samples, rate))


def pcm_samples(data: bytes, width: int, channels: int) -> Samples:
    """Interleaved PCM of 1 (unsigned), 2, 3 or 4 bytes a sample as one channel, -1 to 1."""
    data = data[: len(data) // (width * channels) * width * channels]
    whole: npt.NDArray[np.float64]
    if width == 1:
        whole = np.frombuffer(data, np.uint8) / 128.0 - 1
    elif width == 3:
        # As the upper three bytes of four, so that the sign comes out right.
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        whole = padded.view("<i4")[:, 0] / 2.0**31
    else:
        whole = np.frombuffer(data, f"<i{width}") / 2.0 ** (8 * width - 1)
    return np.asarray(whole.reshape(-1, channels).mean(axis=1), np.float32)
