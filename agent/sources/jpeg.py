"""A JPEG from a camera, decoded when somebody asks and only as far as they ask.

Half of decoding is undoing the Huffman code, which cannot be spared. The other half can, for who is
content with an eighth or a quarter of the size (libjpeg's scaled inverse transform).
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np

from agent.errors import SourceError
from agent.sources.picture_header import DamagedError, read_header
from agent.sources.pictures import REDUCED
from agent.types import Image

_AS_STORED: Final = cv2.IMREAD_IGNORE_ORIENTATION
"""A camera's pictures are not turned, whatever their EXIF data say; FFmpeg does not, either."""
_MOST_PIXELS: Final = 100_000_000
_FLAT: Final = 128
_GLIMPSE: Final = 160
"""Pixels along the longer side that a glimpse keeps at least, where the picture has them."""
_GREY: Final = {
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    1: cv2.IMREAD_GRAYSCALE,
}


class Jpeg:
    """An `Encoded` picture (see `agent.types`).

    What is wrong within the picture's data shows only when it is decoded, and then nobody is left
    to take the picture back: it is flat grey, `damaged` tells, and whoever has made it can look at
    the next one first.
    """

    def __init__(self, content: bytes) -> None:
        """Raises `SourceError` where it is no whole JPEG, or one too large to decode."""
        try:
            header = read_header(content)
        except DamagedError as damage:
            raise SourceError(f"the picture is {damage}") from None
        if header is None or header.kind != "JPEG":
            raise SourceError("the picture is no JPEG")
        if not 0 < header.width * header.height <= _MOST_PIXELS:
            raise SourceError(f"the picture has {header.width} x {header.height} pixels")
        self.size = (header.width, header.height)
        self.damaged = False
        """Whether it was to be decoded, and could not be."""
        self._content = content
        self._finest: tuple[Image, int] | None = None
        self._glimpse: Image | None = None

    @property
    def image(self) -> Image:
        """H x W x 3 BGR."""
        return self.reduced(1.0)[0]

    def reduced(self, share: float) -> tuple[Image, int]:
        """H x W x 3 BGR at 1, 1/2, 1/4 or 1/8 of the size, and 1, 2, 4 or 8: at least that share,
        and all that has been decoded already.
        """
        factor = max(f for f in REDUCED if f == 1 or share * f <= 1)
        finest = self._finest  # once: another thread may put there what it has asked for
        if finest is None or finest[1] > factor:
            decoded = self._decoded(REDUCED[factor])
            finest = (self._flat(factor, 3) if decoded is None else decoded), factor
            self._finest = finest
        return finest

    @property
    def glimpse(self) -> Image:
        """H x W grey, down to an eighth of the size; made of what is decoded already where that is
        fine enough.
        """
        if self._glimpse is None:
            factor = max(f for f in _GREY if f == 1 or max(self.size) >= f * _GLIMPSE)
            finest = self._finest
            if finest is not None and finest[1] <= factor:
                self._glimpse = _shrunk(finest[0], factor // finest[1])
            else:
                decoded = self._decoded(_GREY[factor])
                self._glimpse = self._flat(factor) if decoded is None else decoded
        return self._glimpse

    def _decoded(self, how: int) -> Image | None:
        decoded: Any  # None is missing in OpenCV's types
        try:
            decoded = cv2.imdecode(np.frombuffer(self._content, np.uint8), how | _AS_STORED)
        except cv2.error:
            decoded = None
        if decoded is None:
            self.damaged = True
            return None
        return np.asarray(decoded, np.uint8)

    def _flat(self, factor: int, *channels: int) -> Image:
        width, height = (-(-side // factor) for side in self.size)
        return np.full((height, width, *channels), _FLAT, np.uint8)


def _shrunk(image: Image, factor: int) -> Image:
    """Grey, at a size as libjpeg gives it; on footage within 3 grey levels of what that gives."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    while factor > 1:  # halving is quicker than all at once
        height, width = (-(-side // 2) for side in grey.shape)
        grey = np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        factor //= 2
    return grey
