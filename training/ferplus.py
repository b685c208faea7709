"""Reads FER2013 and FER+ (Barsoum et al. 2016) and keeps them as one array file.

`fer2013.csv` (columns `emotion,pixels,Usage`) holds the pictures, `fer2013new.csv` the ten vote
counts; the two belong together row for row. Rows without an image name are the ones that FER+
dropped because they show no face.
"""

from __future__ import annotations

import csv
import io
import tarfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS
from training.errors import TrainingError

SIDE: Final = 48
"""Width and height of a FER2013 picture, in pixels."""

VOTE_COLUMNS: Final = (*EMOTIONS, "unknown", "NF")
PARTS: Final = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}
"""The `Usage` column of both files, and the name that each part has here."""

FOLDERS: Final = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}
"""Folder names of the picture tree in the FER+ repository."""

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Part:
    """One part of the data set (`train`, `valid` or `test`)."""

    images: npt.NDArray[np.uint8]
    """N x 48 x 48 grey pictures."""
    votes: npt.NDArray[np.uint8]
    """N x 10 vote counts: the eight emotions, then `unknown` and `NF` (no face)."""
    names: npt.NDArray[np.str_]
    """N file names as FER+ gives them, `fer0000000.png` and so on."""

    def __len__(self) -> int:
        return len(self.images)


FerPlus = dict[str, Part]
"""Parts by name; a part without rows is left out."""


def read_csv_pair(fer2013: Path, ferplus: Path, progress: Progress | None = None) -> FerPlus:
    """Read both tables side by side.

    `fer2013` is the CSV file, or a `.tar`, `.tar.gz` or `.tgz` archive that holds a `fer2013.csv`.
    `progress` is called with the number of rows read since its last call.

    Raises `TrainingError`, naming file and line, for a missing file or column, a short row, a
    pixel or vote out of range, and tables that do not belong together.
    """
    images: dict[str, list[npt.NDArray[np.uint8]]] = {}
    votes: dict[str, list[list[int]]] = {}
    names: dict[str, list[str]] = {}
    with _open_table(fer2013) as pictures, _open_table(ferplus) as labels:
        picture_rows = _Rows(fer2013, pictures, ("pixels", "Usage"))
        label_rows = _Rows(ferplus, labels, ("Usage", "Image name", *VOTE_COLUMNS))
        while True:
            picture, label = next(picture_rows, None), next(label_rows, None)
            if picture is None and label is None:
                break
            if picture is None or label is None:
                ended, longer = (
                    (picture_rows, label_rows) if picture is None else (label_rows, picture_rows)
                )
                raise TrainingError(
                    f"{ended.path} ends at line {ended.line} but {longer.path} goes on: "
                    "the two files do not belong together"
                )
            pixels, usage = picture
            if usage != label[0]:
                raise TrainingError(
                    f"{label_rows.path}, line {label_rows.line}: Usage is {label[0]!r} but "
                    f"{picture_rows.path}, line {picture_rows.line}, has {usage!r}: "
                    "the two files do not belong together"
                )
            if usage not in PARTS:
                raise TrainingError(
                    f"{picture_rows.where()}: Usage is {usage!r}, "
                    f"expected one of {', '.join(PARTS)}"
                )
            image = _pixels(pixels, picture_rows)
            if label[1]:
                part = PARTS[usage]
                images.setdefault(part, []).append(image)
                votes.setdefault(part, []).append(_votes(label[2:], label_rows))
                names.setdefault(part, []).append(label[1])
            if progress is not None:
                progress(1)
    if not images:
        raise TrainingError(f"{fer2013}: no rows")
    return {
        part: Part(np.stack(images[part]), np.array(votes[part], np.uint8), np.array(names[part]))
        for part in PARTS.values()
        if part in images
    }


class _Rows(Iterator[list[str]]):
    """The wanted columns of a CSV file, row by row, knowing where it is."""

    def __init__(self, path: Path, stream: TextIO, columns: tuple[str, ...]) -> None:
        self.path = path
        self._reader = csv.reader(stream)
        header = [name.strip() for name in self._read() or ()]
        if not header:
            raise TrainingError(f"{path}: the file is empty")
        missing = [name for name in columns if name not in header]
        if missing:
            raise TrainingError(f"{path}, line 1: missing column {', '.join(map(repr, missing))}")
        self._width = len(header)
        self._picks = [header.index(name) for name in columns]

    @property
    def line(self) -> int:
        return self._reader.line_num

    def where(self) -> str:
        return f"{self.path}, line {self.line}"

    def __next__(self) -> list[str]:
        row = self._read()
        if row is None:
            raise StopIteration
        if len(row) != self._width:
            raise TrainingError(f"{self.where()}: {len(row)} columns, the header has {self._width}")
        return [row[i].strip() for i in self._picks]

    def _read(self) -> list[str] | None:
        """The next row as it stands in the file, None at its end."""
        try:
            return next(self._reader, None)
        except (csv.Error, UnicodeDecodeError) as error:
            raise TrainingError(
                f"{self.path}, line {self.line + 1}: not a CSV row ({error})"
            ) from None
        except (EOFError, zlib.error, OSError, tarfile.TarError) as error:
            raise TrainingError(
                f"{self.path}, line {self.line + 1}: cannot be read further ({error}); "
                "is the file cut off?"
            ) from None


def _pixels(text: str, rows: _Rows) -> npt.NDArray[np.uint8]:
    try:
        with warnings.catch_warnings():  # of a text that is not read to its end
            warnings.simplefilter("error", DeprecationWarning)
            values = np.fromstring(text, np.int64, sep=" ")  # four times as fast as int() on each
    except (ValueError, DeprecationWarning):
        raise TrainingError(f"{rows.where()}: a pixel is not a whole number") from None
    if values.size != SIDE * SIDE:
        raise TrainingError(f"{rows.where()}: {values.size} pixels, expected {SIDE * SIDE}")
    if values.min() < 0 or values.max() > 255:
        bad = values[(values < 0) | (values > 255)][0]
        raise TrainingError(f"{rows.where()}: pixel {bad} is out of range 0 to 255")
    return values.astype(np.uint8).reshape(SIDE, SIDE)


def _votes(cells: list[str], rows: _Rows) -> list[int]:
    try:
        values = [int(cell) for cell in cells]
    except ValueError:
        raise TrainingError(f"{rows.where()}: a vote is not a whole number") from None
    if min(values) < 0 or max(values) > 255:
        raise TrainingError(f"{rows.where()}: a vote is out of range 0 to 255")
    return values


@contextmanager
def _open_table(path: Path) -> Iterator[TextIO]:
    """Open a CSV file, or the `.csv` inside a tar archive, as text."""
    try:
        if path.name.endswith((".tar", ".tar.gz", ".tgz")):
            with tarfile.open(path, "r:*") as archive:
                for member in archive:
                    if member.isfile() and Path(member.name).name == "fer2013.csv":
                        stream = archive.extractfile(member)
                        assert stream is not None  # a regular file always has one
                        yield io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
                        return
            raise TrainingError(f"{path}: holds no fer2013.csv")
        with path.open(encoding="utf-8-sig", newline="") as table:
            yield table
    except OSError as error:
        raise TrainingError(f"{path}: {error.strerror or error}") from None
    except (tarfile.TarError, EOFError, zlib.error):
        raise TrainingError(f"{path}: not a readable tar archive; is the file whole?") from None


def save_arrays(data: FerPlus, path: Path) -> None:
    """Write all parts into one compressed NumPy file, whole or not at all."""
    arrays = {
        f"{part}_{field}": getattr(rows, field)
        for part, rows in data.items()
        for field in ("images", "votes", "names")
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    try:
        with draft.open("wb") as stream:
            np.savez_compressed(stream, **arrays)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def load_arrays(path: Path) -> FerPlus:
    """Read what `save_arrays` wrote; raises `TrainingError` for anything else."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            data = {
                part: Part(
                    arrays[f"{part}_images"], arrays[f"{part}_votes"], arrays[f"{part}_names"]
                )
                for part in PARTS.values()
                if f"{part}_images" in arrays
            }
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such file; make it with `emotion-train prepare`") from None
    except Exception as error:
        raise TrainingError(f"{path}: not a prepared FER+ file ({error})") from None
    if not data or not all(map(_is_whole, data.values())):
        raise TrainingError(
            f"{path}: not a prepared FER+ file (its arrays are others); "
            "make it with `emotion-train prepare`"
        )
    return data


def _is_whole(part: Part) -> bool:
    rows = len(part.names)
    return (
        part.images.shape == (rows, SIDE, SIDE)
        and part.votes.shape == (rows, len(VOTE_COLUMNS))
        and part.images.dtype == part.votes.dtype == np.uint8
        and part.names.dtype.kind == "U"
    )
