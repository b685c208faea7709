"""Where a picture or a face has changed, cheaply: a small grey copy, compared cell by cell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from agent.types import Box, Image

CELLS: Final = 20
"""Cells along the longer side of the picture; a face of 1/20 of it fills at least a part of two."""
_SAMPLES: Final = 4  # pixels a side that are averaged for one cell, against a camera's noise
_STEP: Final = 10.0
"""Grey levels by which a changed cell differs. Averages of 16 samples of a camera's noise (up to 6
levels) stay within 1.5."""
_AROUND: Final = 1.0
"""Face widths to each side of a face that belong to it: hair and shoulders move with it."""

_FACE_CELLS: Final = 16
"""Cells a side of a face: a third of a mouth's width each."""
FINE: Final = 24.0
"""Pixels a side of a face from which a smaller copy of the picture will do for its portrait."""
_FACE_STEP: Final = 15.0
"""Grey levels within which each cell of a face stays while it counts as the same. In films, what
the model read in such a face was within 0.08 of what it had read before, and never another
emotion."""

Thumbnail = npt.NDArray[np.float32]


def thumbnail(image: Image) -> Thumbnail:
    """A picture (H x W x 3 BGR, or H x W grey) as a grid of means of its green, 0 to 255."""
    height, width = image.shape[:2]
    stride = max(1, max(height, width) // (CELLS * _SAMPLES))
    green = image[::stride, ::stride, 1] if image.ndim == 3 else image[::stride, ::stride]
    size = (
        max(1, round(green.shape[1] / _SAMPLES)),
        max(1, round(green.shape[0] / _SAMPLES)),
    )
    small = cv2.resize(np.ascontiguousarray(green), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def changed(one: Thumbnail, other: Thumbnail) -> npt.NDArray[np.bool_]:
    """Which cells differ; all of them where the picture has another size."""
    if one.shape != other.shape:
        return np.ones(one.shape, np.bool_)
    return np.asarray(np.abs(one - other) >= _STEP)


def portrait(image: Image, box: Box) -> Thumbnail:
    """What is in a box of a picture (H x W x 3 BGR, or H x W grey), as a grid of means of its green
    or grey.
    """
    fine = _FACE_CELLS * _SAMPLES
    across, down = box.width / fine, box.height / fine
    window = np.array([[across, 0, box.x], [0, down, box.y]])
    face = cv2.warpAffine(
        image,
        window,
        (fine, fine),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    green = cv2.extractChannel(face, 1) if face.ndim == 3 else face
    small = cv2.resize(green, (_FACE_CELLS, _FACE_CELLS), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def alike(one: Thumbnail, other: Thumbnail) -> bool:
    """Whether two portraits show the same face with the same expression in the same place."""
    return cv2.norm(one, other, cv2.NORM_INF) < _FACE_STEP


def outside(
    cells: npt.NDArray[np.bool_], boxes: Iterable[Box], width: int, height: int
) -> npt.NDArray[np.bool_]:
    """The cells without those of the faces in a picture of that size, their hair and bodies."""
    left: npt.NDArray[np.bool_] = cells.copy()
    down, across = cells.shape[0] / height, cells.shape[1] / width
    for box in boxes:
        margin = _AROUND * box.width
        begin = max(0, int((box.x - margin) * across))
        end = max(0, int(np.ceil((box.x + box.width + margin) * across)))
        left[max(0, int((box.y - margin) * down)) :, begin:end] = False
    return left
