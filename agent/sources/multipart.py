"""The parts of a multipart stream (RFC 2046, section 5.1), as cameras send them.

Many cameras announce the delimiter with its dashes, leave out `Content-Length`, or tell a wrong
one. So the next delimiter is looked for wherever it comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from agent.errors import SourceError

MOST: Final = 16_000_000
"""Bytes of one part."""
_MOST_HEAD: Final = 8192
"""Bytes of the lines before it."""
_MOST_DIGITS: Final = 15
"""Of a length; Python refuses to read some thousands."""
_MOST_DASHES: Final = 8
"""Before the name of a delimiter that comes in two pieces."""
_AT_ONCE: Final = 65_536


class Parts:
    """Reads one part after the other."""

    def __init__(self, read: Callable[[int], bytes], boundary: str) -> None:
        """`read` gives what has come, that many bytes at most, and none at the end; it may raise.
        `boundary` is the name of the delimiter, or empty where the stream does not tell it.
        """
        self._read = read
        name = boundary.encode("latin-1", "replace").lstrip(b"-")
        self._delimiter = re.compile(rb"\n---*" + re.escape(name))
        self._longest = 1 + _MOST_DASHES + len(name)
        self._held = bytearray(b"\n")  # a delimiter begins a line, and the stream is a line's start

    def next(self) -> bytes | None:
        """The content of the next part; None where the stream has ended.

        Raises `SourceError`, with the reason alone, where no part can come of what is sent.
        """
        if not self._pass_delimiter():
            return None
        rest = self._line(_MOST_HEAD)
        if rest is None:
            return None
        length, room = 0, _MOST_HEAD
        while (line := self._line(room)) is not None and line.strip():
            room -= len(line)
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length" and value.strip().isdigit():
                length = int(value.strip()[:_MOST_DIGITS])
        if line is None:
            return None
        return self._measured(length) if length else self._delimited()

    def _pass_delimiter(self) -> bool:
        """Leave out what comes before the next delimiter, and that; False where none comes."""
        passed = 0
        while (found := self._delimiter.search(self._held)) is None:
            useless = max(0, len(self._held) - self._longest)
            del self._held[:useless]
            passed += useless
            if passed > MOST:
                raise SourceError("sends no picture, but other things without end")
            if not self._more():
                return False
        del self._held[: found.end()]
        return True

    def _measured(self, length: int) -> bytes | None:
        if length > MOST:
            raise SourceError(f"announces a picture of {length / 1e6:.0f} MB")
        while len(self._held) < length:
            if not self._more():
                return None
        content = bytes(self._held[:length])
        self._held[:length] = b"\n"  # some cameras begin no line for the delimiter
        return content

    def _delimited(self) -> bytes | None:
        """All up to the next delimiter, which stays."""
        looked = 0
        while (found := self._delimiter.search(self._held, looked)) is None:
            looked = max(0, len(self._held) - self._longest)
            if looked > MOST:
                raise SourceError(f"sends a picture of more than {MOST / 1e6:.0f} MB")
            if not self._more():
                return None
        content = bytes(self._held[: found.start()])
        del self._held[: found.start()]
        return content.removesuffix(b"\r")

    def _line(self, room: int) -> bytes | None:
        """The next line with its end; None where the stream has ended before that."""
        looked = 0
        while (end := self._held.find(b"\n", looked)) < 0:
            looked = len(self._held)
            if looked > room or not self._more():
                break
        if end < 0 and looked <= room:
            return None
        if not 0 <= end < room:
            raise SourceError("sends lines without end where a picture should begin")
        line = bytes(self._held[: end + 1])
        del self._held[: end + 1]
        return line

    def _more(self) -> bool:
        came = self._read(_AT_ONCE)
        self._held += came
        return bool(came)
