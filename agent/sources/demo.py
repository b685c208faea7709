"""The demo: a programme of half a minute put together from fetched pictures and films.

Two portraits under a slow zoom (neutral, smiling), a film of a man who begins to smile, and a
cartoon without a face, joined by cross-fades.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from agent.downloads import require
from agent.sources.film import Film
from agent.sources.pictures import read_picture
from agent.sources.playback import Shot
from agent.types import Image, Point

WIDTH: Final = 640
HEIGHT: Final = 480
RATE: Final = 15
"""Frames a second."""

_FADE: Final = 8
"""Frames of a cross-fade."""


class DemoReel:
    """A `Reel` of the demo programme; its last frames fade into its first."""

    interval = 1 / RATE

    def __init__(self, find: Callable[[str], Path] = require) -> None:
        """`find` gives the path of the material by name, or raises `AgentError`."""
        self._hopper = find("grace_hopper.jpg")
        self._astronaut = find("astronaut.png")
        self._smile = find("single_face.mp4")
        self._cartoon = find("no_face.mp4")

    def play(self) -> Generator[Shot, None, None]:
        for index, image in enumerate(_faded(self._scenes())):
            yield Shot(index * self.interval, image)

    def _scenes(self) -> Iterator[Iterator[Image]]:
        yield _zoom(self._hopper, centre=(256, 240), width=680, seconds=6)
        yield _film(self._smile)
        yield _film(self._smile)
        yield _zoom(self._astronaut, centre=(226, 150), width=400, seconds=6)
        yield _film(self._cartoon)
        yield _film(self._smile)


def _zoom(path: Path, centre: Point, width: float, seconds: float) -> Iterator[Image]:
    """A picture seen through a window that narrows from `width` pixels and sways a little."""
    picture = read_picture(path).image
    frames = round(seconds * RATE)
    for frame in range(frames):
        progress = frame / (frames - 1)
        scale = WIDTH / width * (1 + 0.15 * progress)
        left = centre[0] + 8 * math.sin(3 * progress) - WIDTH / scale / 2
        top = centre[1] - HEIGHT / scale / 2
        window = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]], np.float32)
        view = cv2.warpAffine(picture, window, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        yield np.asarray(view, np.uint8)


def _film(path: Path) -> Iterator[Image]:
    """A film at the demo's rate, between black bars."""
    shown = 0
    for shot in Film(path).play():
        if shot.time * RATE >= shown - 1e-6:
            shown += 1
            yield _letterboxed(shot.image)


def _letterboxed(image: Image) -> Image:
    height, width = image.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height)
    size = round(width * scale), round(height * scale)
    screen = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    left, top = (WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    screen[top : top + size[1], left : left + size[0]] = resized
    return screen


def _faded(scenes: Iterable[Iterator[Image]]) -> Iterator[Image]:
    """Scenes joined by cross-fades between standing pictures, the last one to the first."""
    first: Image | None = None
    last: Image | None = None
    for scene in scenes:
        for position, image in enumerate(scene):
            if last is not None and position == 0:
                yield from _fade(last, image)
            first = image if first is None else first
            last = image
            yield image
    if first is not None and last is not None:
        yield from _fade(last, first)


def _fade(old: Image, new: Image) -> Iterator[Image]:
    for step in range(1, _FADE + 1):
        share = step / (_FADE + 1)
        yield np.asarray(cv2.addWeighted(old, 1 - share, new, share, 0), np.uint8)
