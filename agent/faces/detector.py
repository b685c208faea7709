"""The seam to every face detector, and what they do alike to a picture."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from agent.types import Face, Image


class FaceDetector(Protocol):
    """Finds faces in one picture; keeps nothing from one call to the next."""

    name: str
    """The name in the settings; the model's manifest keeps a crop for each by this name."""

    side: int
    """Pixels of the longer side that it looks at; it shrinks what has more."""

    def detect(self, image: Image) -> list[Face]:
        """Faces in a picture of any size (H x W x 3 uint8 BGR, or H x W grey), best score first;
        boxes and landmarks in the picture's pixels. A box may reach out of the picture.
        """
        ...


def as_colour(image: Image) -> Image:
    """A grey picture (H x W) as BGR; others as they are."""
    if image.ndim == 3:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)


def shrunk(image: Image, longest: int) -> tuple[Image, tuple[float, float]]:
    """A picture with its longer side at most `longest` pixels, and its scale across and down."""
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return image, (1.0, 1.0)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return small, (size[0] / width, size[1] / height)
