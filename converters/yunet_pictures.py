"""Pictures with faces of many sizes, to calibrate YuNet with and to compare it on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from agent import downloads
from agent.errors import ModelError
from agent.sources import ffmpeg
from agent.types import Image

_PICTURES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_FILMS: Final = (".mp4", ".mov", ".avi", ".mkv", ".gif", ".webm")
_FRAMES: Final = 12
"""Taken from each film, evenly."""


def demo_material(report: Callable[[str], None]) -> list[Path]:
    """The demo's portraits and films, fetched where they are missing."""
    downloads.pull(["demo"], report)
    names = [entry.name for entry in downloads.CATALOGUE if entry.group == "demo"]
    return [downloads.require(name) for name in names]


def read_all(places: Sequence[Path]) -> list[Image]:
    """Pictures, and frames of films, from files and folders; raises `ModelError` for none."""
    files = [
        file
        for place in places
        for file in (sorted(place.rglob("*")) if place.is_dir() else [place])
    ]
    images: list[Image] = []
    for file in files:
        if file.suffix.lower() in _FILMS:
            images += _frames(file)
        elif file.suffix.lower() in _PICTURES:
            read = cv2.imread(str(file))
            images += [] if read is None else [np.asarray(read, np.uint8)]
    if not images:
        raise ModelError(f"{', '.join(map(str, places))}: no picture or film that can be read")
    return images


def composed(images: Sequence[Image], count: int, size: tuple[int, int], seed: int) -> list[Image]:
    """Pictures of `size` (width, height) with one or two of the images on black, at any scale and
    place, mirrored or not, darker or lighter.
    """
    rng = np.random.default_rng(seed)
    made = []
    for index in range(count):
        canvas = np.zeros((size[1], size[0], 3), np.uint8)
        halves = rng.random() < 0.4
        for half in range(2 if halves else 1):
            image = images[(index + half * int(rng.integers(1, len(images) + 1))) % len(images)]
            area = canvas[:, half * size[0] // 2 :][:, : size[0] // (2 if halves else 1)]
            _paste(image, area, rng)
        made.append(canvas)
    return made


def _paste(image: Image, area: Image, rng: np.random.Generator) -> None:
    """Put the image into the area, shrunk to fit and more."""
    height, width = image.shape[:2]
    scale = min(area.shape[0] / height, area.shape[1] / width) * rng.uniform(0.45, 1)
    small = cv2.resize(
        image,
        (max(8, int(width * scale)), max(8, int(height * scale))),
        interpolation=cv2.INTER_AREA,
    )
    if rng.random() < 0.5:
        small = cv2.flip(small, 1)
    lit = cv2.convertScaleAbs(small, alpha=rng.uniform(0.5, 1.4), beta=rng.uniform(-15, 15))
    top = rng.integers(0, area.shape[0] - lit.shape[0] + 1)
    left = rng.integers(0, area.shape[1] - lit.shape[1] + 1)
    area[top : top + lit.shape[0], left : left + lit.shape[1]] = lit


def _frames(file: Path) -> list[Image]:
    """Some of a film's pictures, evenly; it is gone through twice, as it may be far too long to be
    kept, and tells its length only roughly.
    """
    capture = ffmpeg.open_film(str(file))
    count = 0
    while capture.grab():
        count += 1
    capture = ffmpeg.open_film(str(file))
    picked = set(np.linspace(0, count - 1, min(_FRAMES, count)).astype(int).tolist())
    frames: list[Image] = []
    for index in range(count):
        if not capture.grab():
            break
        if index in picked:
            read, image = capture.retrieve()
            frames += [np.asarray(image, np.uint8)] if read else []
    return frames
