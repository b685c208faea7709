"""Notices that a file has changed, by looking at it now and then."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Final

_EVERY: Final = 1.0
"""Seconds between two looks."""

_Look = tuple[int, int, int] | None
"""Inode, size and time of change; None for a file that cannot be looked at."""


class FileWatch:
    """Tells once for each change of a file, when the file has come to rest.

    An editor or a copy writes in several steps, so a change counts when two looks in a row show
    the same. A file that goes away is no change: it is about to be replaced, or lost by mistake.
    """

    def __init__(self, path: Path | None, every: float = _EVERY) -> None:
        """`path` is None where there is nothing to watch."""
        self._path = path
        self._every = every
        self._known = self._seen = _look(path)
        self._looked_at = monotonic()

    def take_note(self) -> None:
        """The file is being read as it is now; only what comes after is a change."""
        self._known = self._seen = _look(self._path)

    def has_changed(self) -> bool:
        """Whether the file has changed since the last change that was told; quick."""
        now = monotonic()
        if self._path is None or now - self._looked_at < self._every:
            return False
        self._looked_at = now
        before, self._seen = self._seen, _look(self._path)
        if self._seen is None or self._seen != before or self._seen == self._known:
            return False
        self._known = self._seen
        return True


def _look(path: Path | None) -> _Look:
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if found is not None else None
