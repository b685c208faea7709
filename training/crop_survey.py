"""Measures how each face detector's box lies in the training pictures.

A model reads best what it was trained on, so the crop round a detector's box must show what
FER2013's own frame shows. The training pictures are shown to the detector on a grey canvas, each at
one of several sizes (boxes grow a little tighter as faces get smaller in the detector's input); the
median of its boxes gives the `Crop` for the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import cycle
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from agent.emotion.manifest import Crop
from agent.faces.detector import FaceDetector
from training.errors import TrainingError

Images = npt.NDArray[np.uint8]

CANVAS: Final = 256
"""Side of the canvas in pixels: BlazeFace's own input, and large enough for the others."""

SIZES: Final = (64, 96, 128, 176)
"""Sides of the pictures on it, in turn; a face at a desk fills as much of a frame."""

_GREY: Final = 128


@dataclass(frozen=True)
class Survey:
    """How one detector's boxes lie in the training pictures."""

    detector: str
    crop: Crop
    """Medians."""
    margin_spread: tuple[float, float]
    """Quartiles of the margin over the pictures."""
    drop_spread: tuple[float, float]
    shift: float
    """Median of how far the box lies to the right of the picture's middle, in box sides."""
    found: float
    """Share of the pictures in which the detector saw a face."""
    pictures: int


def survey(detector: FaceDetector, images: Images) -> Survey:
    """Run a detector over N x S x S grey pictures that each show one face, and compare its best
    box with the picture's own frame. Raises `TrainingError` where it finds no face at all.
    """
    boxes = [
        _best_box(detector, image, size) for image, size in zip(images, cycle(SIZES), strict=False)
    ]
    x, y, side = np.array([box for box in boxes if box is not None]).reshape(-1, 3).T
    if not side.size:
        raise TrainingError(f"{detector.name} found no face in {len(images)} training pictures")
    margins, drops, shifts = 1 / side - 1, (0.5 - y) / side, (x - 0.5) / side
    return Survey(
        detector=detector.name,
        crop=Crop(
            margin=round(float(np.median(margins)), 3), drop=round(float(np.median(drops)), 3)
        ),
        margin_spread=_quartiles(margins),
        drop_spread=_quartiles(drops),
        shift=round(float(np.median(shifts)), 3),
        found=len(side) / len(images),
        pictures=len(images),
    )


def run(
    detectors: Iterable[FaceDetector],
    images: Images,
    count: int = 1500,
    seed: int = 0,
    show: Callable[[str], None] = print,
) -> list[Survey]:
    """Survey each detector on the same `count` pictures, chosen by `seed`, and show a table."""
    chosen = np.random.default_rng(seed).permutation(len(images))[:count]
    show(
        f"{'detector':21} {'margin':>7} {'quartiles':>15} {'drop':>7} {'quartiles':>15} "
        f"{'shift':>7} {'found':>6}"
    )
    surveys = []
    for detector in detectors:
        result = survey(detector, images[chosen])
        surveys.append(result)
        show(
            f"{result.detector:21} {result.crop.margin:7.3f} {_span(result.margin_spread):>15} "
            f"{result.crop.drop:7.3f} {_span(result.drop_spread):>15} {result.shift:7.3f} "
            f"{result.found:6.1%}"
        )
    return surveys


def _best_box(
    detector: FaceDetector, image: Images, size: int
) -> tuple[float, float, float] | None:
    """Centre and longer side of the best box, in sides of the picture."""
    corner = (CANVAS - size) // 2
    canvas = np.full((CANVAS, CANVAS), _GREY, np.uint8)
    canvas[corner : corner + size, corner : corner + size] = cv2.resize(
        image, (size, size), interpolation=cv2.INTER_CUBIC
    )
    faces = detector.detect(canvas)
    if not faces:
        return None
    box = faces[0].box
    x, y = ((value - corner) / size for value in box.centre)
    return x, y, box.side / size


def _quartiles(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, (25, 75))
    return round(float(low), 3), round(float(high), 3)


def _span(spread: tuple[float, float]) -> str:
    return f"{spread[0]:.3f}..{spread[1]:.3f}"
