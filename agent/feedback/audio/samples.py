"""Samples: the form that every sound takes on its way to the device."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from agent.feedback.audio.pcm import RATE

Samples = npt.NDArray[np.float32]
"""One channel at `RATE`; full scale is -1 to 1."""

_LEVEL: Final = 0.25  # RMS of the loudest 100 ms; -12 dB of full scale leaves room for peaks
_PEAK: Final = 0.95


def levelled(samples: Samples) -> Samples:
    """As loud as every other cue: by the loudest 100 ms, as ears judge short sounds by their peak
    energy and not by their mean; peaks stay below full scale.
    """
    window = min(len(samples), RATE // 10)
    energy = np.concatenate(([0.0], np.cumsum(samples.astype(np.float64) ** 2)))
    loudest = float(np.sqrt((energy[window:] - energy[:-window]).max() / window))
    peak = float(np.abs(samples).max())
    if peak == 0:
        return samples
    return np.asarray(samples * min(_LEVEL / loudest, _PEAK / peak), np.float32)


def resampled(samples: Samples, rate: int) -> Samples:
    """Samples taken at `rate`, at `RATE`: band-limited, by way of the spectrum."""
    if rate == RATE:
        return samples
    count = max(1, round(len(samples) * RATE / rate))
    spectrum = np.fft.rfft(samples)
    return np.asarray(np.fft.irfft(spectrum, count) * (count / len(samples)), np.float32)


def as_pcm(samples: Samples, volume: float = 1.0) -> bytes:
    """16-bit little-endian samples, `volume` (0 to 1) times as loud."""
    scaled = np.clip(samples * volume, -1, 1) * 32767
    pcm: bytes = np.rint(scaled).astype("<i2").tobytes()
    return pcm
