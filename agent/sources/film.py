"""Films and animated GIFs, decoded by OpenCV's FFmpeg."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from agent.errors import SourceError
from agent.sources import ffmpeg
from agent.sources.playback import Shot

_USUAL_INTERVAL: Final = 1 / 25
_MOST_DAMAGED: Final = 8
"""Frames in a row that cannot be decoded before the film counts as ended."""


class Film:
    """A `Reel` of one film; each picture has the time that the file gives it.

    Files without times (raw streams) play at their nominal rate. Pictures that cannot be decoded
    are left out.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.interval = _USUAL_INTERVAL

    def play(self) -> Generator[Shot, None, None]:
        capture = ffmpeg.open_film(str(self._path))
        try:
            if not capture.isOpened():
                raise SourceError(
                    f"{self._path}: not a film, or damaged or cut off before its first picture"
                )
            self.interval = _interval(capture.get(cv2.CAP_PROP_FPS))
            yield from self._shots(capture)
        finally:
            capture.release()

    def _shots(self, capture: cv2.VideoCapture) -> Generator[Shot, None, None]:
        first: float | None = None
        last = -self.interval
        damaged = 0
        # OpenCV tells neither a damaged picture nor the end from the other.
        while damaged < _MOST_DAMAGED:
            arrived, picture = capture.read()
            if not arrived:
                damaged += 1
                continue
            stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            first = stamp if first is None else first
            expected = last + (damaged + 1) * self.interval
            last = stamp - first if stamp - first > last else expected
            damaged = 0
            yield Shot(last, np.asarray(picture, np.uint8))
        if first is None:
            raise SourceError(f"{self._path}: no picture of the film could be decoded")


def _interval(rate: float) -> float:
    """Seconds a frame; the usual where the file names no believable rate."""
    return 1 / rate if 0.1 <= rate <= 1000 else _USUAL_INTERVAL
