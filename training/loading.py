"""Finds the FER+ data that a command was pointed at: prepared arrays, or the two tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.errors import TrainingError
from training.ferplus import FerPlus, load_arrays, read_csv_pair

ARRAYS: Final = "ferplus.npz"
_PICTURES: Final = ("fer2013.csv", "fer2013.tar.gz", "fer2013.tgz", "fer2013.tar")
_VOTES: Final = "fer2013new.csv"


@dataclass(frozen=True)
class Found:
    """Data, and the files that it was read from."""

    data: FerPlus
    files: tuple[Path, ...]


def load_data(place: Path) -> Found:
    """Read an array file, or a folder with `ferplus.npz` or with `fer2013.csv` (or its archive)
    and `fer2013new.csv`; prepared arrays win, since they load in a second.

    Raises `TrainingError`, naming the place, where neither is there.
    """
    if not place.is_dir():
        return Found(load_arrays(place), (place,))
    if (place / ARRAYS).exists():
        return Found(load_arrays(place / ARRAYS), (place / ARRAYS,))
    pictures = next((place / name for name in _PICTURES if (place / name).exists()), None)
    votes = place / _VOTES
    if pictures is None or not votes.exists():
        raise TrainingError(
            f"{place}: holds neither {ARRAYS} (`emotion-train prepare` writes it) "
            f"nor {_PICTURES[0]} or {_PICTURES[1]} together with {_VOTES}"
        )
    return Found(read_csv_pair(pictures, votes), (pictures, votes))
