"""Still pictures: reading one file carefully, and playing several."""

from __future__ import annotations

import codecs
import logging
import math
import re
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from agent.errors import SourceError
from agent.sources.picture_header import DamagedError, Header, read_header
from agent.sources.playback import Shot
from agent.types import Box, Image

log = logging.getLogger(__name__)

KINDS: Final = "JPEG, PNG, WebP, BMP or GIF"
_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})

MAX_PIXELS: Final = 3840 * 2160
"""Larger pictures are read at reduced size, unless the caller says otherwise."""
_FILE_LIMIT: Final = 500_000_000
"""Bytes of a picture file that is refused."""

REDUCED: Final = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


@dataclass(frozen=True)
class Limits:
    """Pixels that a picture may have at most; a larger one is refused before it is decoded."""

    in_stripes: int
    """Of a kind that can be decoded at reduced size, where more pixels cost time only."""
    whole: int
    """Of a kind that must be decoded whole, at three bytes a pixel."""


FILE_LIMITS: Final = Limits(in_stripes=400_000_000, whole=150_000_000)
"""For files of this machine's own: half a gigabyte of memory."""


@dataclass(frozen=True)
class Picture:
    """A still picture, turned upright (EXIF)."""

    image: Image
    """H x W x 3 BGR uint8, perhaps smaller than the file."""
    width: int
    """Of the file, in pixels, after turning upright."""
    height: int
    scale: float
    """Pixels of `image` to one of the file: 1, or less where it was reduced."""

    def in_file(self, box: Box) -> Box:
        """A box in `image` as a box in the file's own pixels."""
        across, down = self.width / self.image.shape[1], self.height / self.image.shape[0]
        return Box(box.x * across, box.y * down, box.width * across, box.height * down)


def read_picture(path: Path, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture file; see `decode_picture`.

    Raises `SourceError` with one line for anything but a whole picture of bearable size.
    """
    return decode_picture(str(path), _content(path), max_pixels)


def decode_picture(
    name: str, content: bytes, max_pixels: int = MAX_PIXELS, limits: Limits = FILE_LIMITS
) -> Picture:
    """A picture from the content of its file; grey, transparent and 16-bit pictures come as 8-bit
    BGR, of a GIF the first frame. One of more than `max_pixels` pixels is reduced until it has no
    more.

    Raises `SourceError` with one line, which begins with `name`, for anything but a whole picture
    within the limits.
    """
    try:
        header = read_header(content)
    except DamagedError as damage:
        raise SourceError(f"{name}: the picture is {damage}") from None
    if header is None:
        found = "a text file" if is_text(content[:4096]) else "of unknown kind"
        raise SourceError(f"{name}: {found}, not a picture that can be read ({KINDS})")
    _check_size(name, header, limits)
    return _decode(name, content, header, max_pixels)


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder, by name with numbers in their order (2 before 10).

    Raises `SourceError` if there is none, or the folder cannot be read.
    """
    try:
        return only_pictures(str(folder), folder.iterdir())
    except OSError as error:
        raise SourceError(f"{folder}: {error.strerror or error}") from None


def only_pictures(name: str, paths: Iterable[Path]) -> list[Path]:
    """Those of `paths` that are pictures by their suffix, in natural order; raises `SourceError`,
    naming `name`, if none is.
    """
    pictures = [path for path in paths if path.suffix.lower() in _SUFFIXES and path.is_file()]
    if not pictures:
        raise SourceError(f"{name}: no pictures there ({KINDS})")
    return sorted(pictures, key=_natural)


class Stills:
    """A `Reel` of pictures at a steady rate; broken ones are left out, each logged once."""

    def __init__(self, paths: Sequence[Path], rate: float) -> None:
        """`rate` is in pictures a second."""
        self.interval = 1 / rate
        self._paths = paths
        self._broken: set[Path] = set()
        self._only: Image | None = None

    def play(self) -> Generator[Shot, None, None]:
        if len(self._paths) == 1:
            yield Shot(0.0, self._still())
            return
        shown = 0
        for path in self._paths:
            try:
                image = read_picture(path).image
            except SourceError as error:
                if path not in self._broken:
                    log.warning("%s; left out", error)
                    self._broken.add(path)
                continue
            yield Shot(shown * self.interval, image)
            shown += 1

    def _still(self) -> Image:
        """A single picture, shown over and over, is decoded once."""
        if self._only is None:
            self._only = read_picture(self._paths[0]).image
        return np.array(self._only)


def is_text(start: bytes) -> bool:
    """Whether the beginning of a file reads as text."""
    if re.search(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]", start):  # control characters
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def _content(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise SourceError(f"{path}: a folder, not a picture")
        if path.stat().st_size > _FILE_LIMIT:
            raise SourceError(f"{path}: more than {_FILE_LIMIT // 10**6} MB is too much to read")
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from None
    if not content:
        raise SourceError(f"{path}: the file is empty")
    return content


def _check_size(name: str, header: Header, limits: Limits) -> None:
    limit = limits.in_stripes if header.in_stripes else limits.whole
    size = f"{header.width} x {header.height} pixels"
    if header.width < 1 or header.height < 1:
        raise SourceError(f"{name}: the picture is damaged ({size})")
    if header.width * header.height > limit:
        raise SourceError(
            f"{name}: {size} is too large; of this kind of {header.kind}, "
            f"{limit // 10**6} million pixels can be read"
        )


def _decode(name: str, content: bytes, header: Header, max_pixels: int) -> Picture:
    wanted = math.sqrt(header.width * header.height / max_pixels)
    factor = max((factor for factor in REDUCED if factor <= wanted), default=1)
    decoded: Any  # None is missing in OpenCV's types
    try:
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), REDUCED[factor])
    except cv2.error:  # sides beyond OpenCV's own limits
        decoded = None
    if decoded is None:
        raise SourceError(f"{name}: the {header.kind} picture is damaged and cannot be decoded")
    image = np.asarray(decoded, np.uint8)
    height, width = image.shape[:2]
    if width * height > max_pixels:
        shrink = math.sqrt(max_pixels / (width * height))
        size = max(1, int(width * shrink)), max(1, int(height * shrink))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    full = header.width, header.height
    if (width > height) != (full[0] > full[1]) and width != height:
        full = full[1], full[0]  # turned by its EXIF orientation
    return Picture(image, *full, min(1.0, image.shape[1] / full[0]))


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", path.as_posix().casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
