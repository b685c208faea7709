"""Files that are whole and on the disk, whatever happens while they are written."""

from __future__ import annotations

import os
from pathlib import Path


def write_durably(file: Path, text: str) -> None:
    """Replace a small file at once, so that it holds what it should also after a power cut.

    Raises `OSError` as writing does.
    """
    fresh = file.with_suffix(".new")
    with fresh.open("w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)
    _to_disk(file.parent)


def _to_disk(folder: Path) -> None:
    """Have the names in a folder written out, a renaming among them."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
