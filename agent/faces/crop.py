"""The picture of a face that the model sees: square, level, grey, of the model's size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from agent.emotion.preprocess import GreyImage, Preprocessing, to_grey
from agent.types import Face, Image

if TYPE_CHECKING:
    from agent.emotion.manifest import Crop

_LEAST_ROLL: Final = 4.0
"""Degrees. Smaller tilts are left alone: they are within the noise of the landmarks (about 2
degrees), training turns its pictures by more, and turning blurs a small face."""

_MOST_SAMPLES: Final = 8
"""Samples taken across one pixel of the crop, at most; more make no visible difference."""


def face_crop(image: Image, face: Face, crop: Crop, preprocessing: Preprocessing) -> GreyImage:
    """A face cut out of a picture (H x W x 3 BGR, or H x W grey) as side x side grey.

    The square is that of `Crop`; where the detector gave landmarks, it turns with the face so that
    the eyes are level. What lies out of the picture repeats its edge.
    """
    size = preprocessing.side
    side = max(face.box.side, 1.0) * (1 + crop.margin)
    angle = math.radians(face.landmarks.roll) if face.landmarks else 0.0
    if abs(angle) < math.radians(_LEAST_ROLL):
        angle = 0.0
    cosine, sine = math.cos(angle), math.sin(angle)
    drop = crop.drop * face.box.side
    x, y = face.box.centre[0] - drop * sine, face.box.centre[1] + drop * cosine
    # Sampled at one pixel of the picture or finer, then averaged over whole blocks.
    blocks = min(max(1, math.ceil(side / size)), _MOST_SAMPLES)
    fine = size * blocks
    step = side / fine
    half = (fine - 1) / 2
    left, top, near = _around(image, x, y, side * (abs(cosine) + abs(sine)) / 2)
    x, y = x - left, y - top
    # From the crop's pixels to the picture's; a whole number is the centre of a pixel in both.
    matrix = np.array(
        [
            [step * cosine, -step * sine, x - 0.5 - step * half * (cosine - sine)],
            [step * sine, step * cosine, y - 0.5 - step * half * (sine + cosine)],
        ]
    )
    sampled = cv2.warpAffine(
        to_grey(near),
        matrix,
        (fine, fine),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return preprocessing.resize(np.asarray(sampled, np.uint8))


def _around(image: Image, x: float, y: float, reach: float) -> tuple[int, int, Image]:
    """What of a picture can be seen from a point as far as `reach`, at least a pixel, with its
    corner: only that needs to be made grey.
    """
    height, width = image.shape[:2]
    left, right = _within(x - reach, x + reach, width)
    top, bottom = _within(y - reach, y + reach, height)
    return left, top, image[top:bottom, left:right]


def _within(begin: float, end: float, size: int) -> tuple[int, int]:
    """A range with two pixels more at each end for the sampling, held inside the picture."""
    first = min(max(0, math.floor(begin) - 2), size - 1)
    return first, max(first + 1, min(size, math.ceil(end) + 2))
