"""Chooses how a file or folder is played, by what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agent.errors import SourceError
from agent.sources.film import Film
from agent.sources.picture_header import kind_of
from agent.sources.pictures import KINDS, Stills, is_text, only_pictures, pictures_in
from agent.sources.playback import Reel

_USUAL_RATE: Final = 1.0
"""Pictures a second."""
_RAW_FILMS: Final = frozenset({".mjpg", ".mjpeg"})
"""Films that begin as a JPEG does."""


def open_reel(path: Path, rate: float | None) -> Reel:
    """The reel for a film, an animated GIF, a picture, a folder of pictures, or a pattern such as
    `pictures/*.jpg`; pictures play at `rate` a second (1 if None).

    Raises `SourceError` with one line if there is no such thing or it cannot be read.
    """
    try:
        return _open(path, rate or _USUAL_RATE)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from None


def _open(path: Path, rate: float) -> Reel:
    if path.is_dir():
        return Stills(pictures_in(path), rate)
    if not path.exists() and any(sign in str(path) for sign in "*?["):
        return Stills(only_pictures(str(path), _matches(path)), rate)
    with path.open("rb") as file:
        start = file.read(4096)
    if not start:
        raise SourceError(f"{path}: the file is empty")
    kind = kind_of(start)
    if kind not in (None, "GIF") and path.suffix.lower() not in _RAW_FILMS:
        return Stills([path], rate)
    # FFmpeg would take text for a terminal's output and show it as a film.
    if is_text(start):
        raise SourceError(f"{path}: a text file, not a film or picture ({KINDS})")
    return Film(path)


def _matches(pattern: Path) -> list[Path]:
    root = Path(pattern.anchor)
    try:
        return list(root.glob(str(pattern.relative_to(root))))
    except ValueError as error:  # ** beside other signs
        raise SourceError(f"{pattern}: not a pattern of files ({error})") from None
