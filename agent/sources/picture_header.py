"""What a picture file says of itself in its first bytes, and whether the rest of it is there.

Looked at before decoding: a small file can stand for a picture that does not fit into memory, and
OpenCV decodes a cut-off JPEG without a word.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["JPEG", "PNG", "BMP", "WebP", "GIF"]

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers (ITU-T T.81, table B.1)."""
_JPEG_IN_STRIPES: Final = frozenset({0xC0, 0xC1})
"""Those of sequential JPEGs, which decode row by row; progressive ones need all at once."""
_JPEG_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""


class DamagedError(Exception):
    """The file is cut off or its checksums are wrong; the message completes "the picture is"."""


@dataclass(frozen=True)
class Header:
    """Kind and size of a picture, as the file says."""

    kind: Kind
    width: int
    height: int
    in_stripes: bool = False
    """Whether it can be decoded at reduced size without holding the whole picture in memory."""


def kind_of(start: bytes) -> Kind | None:
    """The kind of picture that a file's first 12 bytes announce; None for anything else."""
    if start.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if start.startswith(_PNG):
        return "PNG"
    if start.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WebP"
    # "BM" alone begins many a text; bytes 6 to 9 of a bitmap are reserved and zero.
    if start.startswith(b"BM") and start[6:10] == bytes(4):
        return "BMP"
    return None


def read_header(content: bytes) -> Header | None:
    """The header of a whole picture file; None if it is none of the known kinds.

    Raises `DamagedError` if the file is cut off or damaged.
    """
    kind = kind_of(content[:12])
    if kind is None:
        return None
    try:
        if kind == "JPEG":
            return _jpeg(content)
        width, height = {"PNG": _png, "BMP": _bmp, "WebP": _webp, "GIF": _gif}[kind](content)
    except IndexError:
        raise DamagedError("cut off") from None
    return Header(kind, width, height)


def _number(content: bytes, at: int, length: int, big: bool = False, signed: bool = False) -> int:
    if at + length > len(content):
        raise DamagedError("cut off")
    return int.from_bytes(content[at : at + length], "big" if big else "little", signed=signed)


def _jpeg(content: bytes) -> Header:
    """Walk the segments up to the picture data (ITU-T T.81, annex B)."""
    header: Header | None = None
    at = 2
    while True:
        if content[at] != 0xFF:
            raise DamagedError("damaged")
        marker = content[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker in _JPEG_BARE:
            at += 2
            continue
        if marker in _JPEG_SIZES:
            height, width = (
                _number(content, at + 5, 2, big=True),
                _number(content, at + 7, 2, big=True),
            )
            header = Header("JPEG", width, height, marker in _JPEG_IN_STRIPES)
        at += 2 + _number(content, at + 2, 2, big=True)
        if marker == 0xDA:  # picture data, in which FF D9 can only be the end
            break
    if content.rfind(b"\xff\xd9", at) < 0:
        raise DamagedError("cut off")
    if header is None:
        raise DamagedError("damaged")
    return header


def _png(content: bytes) -> tuple[int, int]:
    """Walk the chunks and their checksums up to the end (PNG specification, section 5)."""
    view = memoryview(content)
    at, name = len(_PNG), b""
    while name != b"IEND":
        length = _number(content, at, 4, big=True)
        name = content[at + 4 : at + 8]
        checksum = _number(content, at + 8 + length, 4, big=True)
        if zlib.crc32(view[at + 4 : at + 8 + length]) != checksum:
            raise DamagedError("damaged")
        at += 12 + length
    return _number(content, 16, 4, big=True), _number(content, 20, 4, big=True)


def _bmp(content: bytes) -> tuple[int, int]:
    start, header = _number(content, 10, 4), _number(content, 14, 4)
    if header == 12:  # OS/2
        width, height = _number(content, 18, 2), _number(content, 20, 2)
        bits, compression = _number(content, 24, 2), 0
    else:
        width = _number(content, 18, 4, signed=True)
        height = abs(_number(content, 22, 4, signed=True))
        bits, compression = _number(content, 28, 2), _number(content, 30, 4)
    row = (width * bits + 31) // 32 * 4
    if compression in (0, 3) and start + row * height > len(content):
        raise DamagedError("cut off")
    return width, height


def _webp(content: bytes) -> tuple[int, int]:
    """See RFC 9649."""
    if 8 + _number(content, 4, 4) > len(content):
        raise DamagedError("cut off")
    chunk = content[12:16]
    if chunk == b"VP8X":
        return _number(content, 24, 3) + 1, _number(content, 27, 3) + 1
    if chunk == b"VP8L":
        bits = _number(content, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _number(content, 26, 2) & 0x3FFF, _number(content, 28, 2) & 0x3FFF


def _gif(content: bytes) -> tuple[int, int]:
    if not re.search(rb";\0*\Z", content[-64:]):
        raise DamagedError("cut off")
    return _number(content, 6, 2), _number(content, 8, 2)
