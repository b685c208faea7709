"""The form in which sound goes to the device, and what the device is to be given next.

Kept to the standard library, so that the process that drives the device starts fast and is small.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from threading import Lock
from typing import Final

RATE: Final = 48_000
"""Samples a second; what most codecs run at by themselves."""

WIDTH: Final = 2
"""Bytes of a sample: one channel, signed, little-endian."""

FADE: Final = RATE // 100
"""Samples over which a cue fades out when the next takes its place: 10 ms, enough not to click."""

TAIL: Final = RATE // 5
"""Samples of silence after a cue. Rate converters lose the last period that is not full."""


@dataclass(frozen=True)
class Taken:
    """What the device gets for one of its periods."""

    pcm: bytes
    began: int | None
    """Number of the cue whose first sample is in it."""
    ended: bool
    """Whether nothing comes after it."""


class Voice:
    """One cue at a time: a new one takes the place of the one that sounds.

    `start` may be called from any thread, `take` from the sound library's.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._pcm = b""
        self._at = 0
        self._number: int | None = None
        self._begun = True

    def start(self, number: int, pcm: bytes) -> None:
        """Sound this cue from the next sample on; what sounds now fades out before."""
        with self._lock:
            rest = self._pcm[self._at : self._at + FADE * WIDTH]
            self._pcm = faded(rest) + pcm + bytes(TAIL * WIDTH)
            self._at = 0
            self._number, self._begun = number, False

    def take(self, samples: int) -> Taken:
        """The next samples, filled up with silence."""
        with self._lock:
            end = self._at + samples * WIDTH
            pcm = self._pcm[self._at : end]
            self._at = min(end, len(self._pcm))
            began = None if self._begun else self._number
            self._begun = True
            return Taken(pcm.ljust(samples * WIDTH, b"\0"), began, self._at == len(self._pcm))

    @property
    def waiting(self) -> bool:
        """Whether there is anything left to give."""
        return self._at < len(self._pcm)


def faded(pcm: bytes) -> bytes:
    """PCM that sinks linearly to silence.

    >>> array("h", faded(array("h", [800, 800, 800, 800]).tobytes())).tolist()
    [800, 600, 400, 200]
    """
    samples = array("h", pcm)
    for i, sample in enumerate(samples):
        samples[i] = sample * (len(samples) - i) // len(samples)
    return samples.tobytes()
