"""What the model sees: the one description of its input, used by training, converters and agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

GreyImage = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Preprocessing:
    """How a grey crop becomes the model's input; kept in the model's manifest.

    A pixel `p` (0 to 255) enters the network as `(p - offset) / divisor`. The defaults map to
    -1 .. 1 with a power of two, so that a quantized input is `p - 128` exactly.
    """

    side: int = 48
    """Width and height of the input, in pixels."""
    offset: float = 128.0
    divisor: float = 128.0

    @classmethod
    def to_range(cls, side: int, black: float, white: float) -> Preprocessing:
        """The one that makes these numbers of a black and a white pixel."""
        divisor = 255 / (white - black)
        return cls(side, 0.0 - black * divisor, divisor)

    def resize(self, grey: GreyImage) -> GreyImage:
        """Any grey picture (H x W) as the model's side x side; area averaging when it shrinks."""
        height, width = grey.shape
        if (height, width) == (self.side, self.side):
            return grey
        shrinks = min(height, width) > self.side
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(grey, (self.side, self.side), interpolation=method), np.uint8)

    def check(self, crops: npt.NDArray[Any]) -> None:
        """Raise `ValueError` unless the crops are N x side x side uint8."""
        if crops.dtype != np.uint8 or crops.ndim != 3 or crops.shape[1:] != (self.side, self.side):
            raise ValueError(
                f"crops must be N x {self.side} x {self.side} uint8, "
                f"got {' x '.join(map(str, crops.shape))} {crops.dtype}"
            )

    def normalise(self, crops: GreyImage) -> npt.NDArray[np.float32]:
        """Crops N x side x side uint8 as N x side x side x 1 float32, the network's value range."""
        self.check(crops)
        values = (crops.astype(np.float32) - np.float32(self.offset)) / np.float32(self.divisor)
        return np.asarray(values[..., np.newaxis], np.float32)


def to_grey(image: npt.NDArray[np.uint8]) -> GreyImage:
    """A picture in BGR (H x W x 3) or already grey (H x W) as grey, by ITU-R BT.601 weights."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
