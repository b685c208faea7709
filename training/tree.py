"""Writes FER+ as the picture tree of its own repository, for tools that expect that.

`FER2013Train`, `FER2013Valid` and `FER2013Test` hold a PNG for each picture and a `label.csv`
without a header: name, face box, ten vote counts, as in `fer0000000.png,"(0, 0, 48, 48)",4,...`.
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Final

import cv2

from training.errors import TrainingError
from training.ferplus import FOLDERS, SIDE, FerPlus, Part, Progress

LABELS: Final = "label.csv"
_WHOLE_PICTURE: Final = f"(0, 0, {SIDE}, {SIDE})"


def check_place(folder: Path, force: bool) -> None:
    """Refuse, with `TrainingError`, a place where `write_tree` would destroy something.

    A folder that holds a tree already may be replaced with `force`; one that holds anything else
    may not.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise TrainingError(f"{folder}: is a file; --tree needs a folder")
    names = {entry.name for entry in folder.iterdir()}
    foreign = sorted(names - set(FOLDERS.values()))
    if foreign:
        raise TrainingError(
            f"{folder}: holds {foreign[0]!r}, which is no part of a FER+ tree; choose a new folder"
        )
    if names and not force:
        raise TrainingError(f"{folder}: holds a tree already; --force replaces it")


def write_tree(
    data: FerPlus, folder: Path, force: bool = False, progress: Progress | None = None
) -> None:
    """Write all parts below `folder`, whole or not at all.

    The tree grows in a hidden folder beside it, which takes its name at the end. `progress` is
    called with the number of pictures written since its last call. Raises `TrainingError` as
    `check_place` does, and for an image name that is not a plain PNG name.
    """
    check_place(folder, force)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        for part, rows in data.items():
            _write_part(rows, draft / FOLDERS[part], progress)
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_part(part: Part, folder: Path, progress: Progress | None) -> None:
    folder.mkdir(parents=True)
    with (folder / LABELS).open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        for image, votes, name in zip(part.images, part.votes, map(str, part.names), strict=True):
            if Path(name).name != name or not name.endswith(".png"):
                raise TrainingError(f"image name {name!r}: expected a name like fer0000000.png")
            picture = cv2.imencode(".png", image)[1].tobytes()
            # FER+ gives three pairs of equal pictures one name; anything more would lose a picture.
            if (folder / name).exists() and (folder / name).read_bytes() != picture:
                raise TrainingError(f"image name {name!r} stands for two different pictures")
            (folder / name).write_bytes(picture)
            table.writerow([name, _WHOLE_PICTURE, *votes.tolist()])
            if progress is not None:
                progress(1)
