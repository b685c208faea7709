"""`emotion-train prepare`: from the two downloaded tables to one array file or a picture tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from training import tree
from training.errors import TrainingError
from training.ferplus import FerPlus, Progress, read_csv_pair, save_arrays


@dataclass(frozen=True)
class Prepared:
    """What a run of `prepare` has made."""

    place: Path
    counts: dict[str, int]
    """Pictures by part."""
    dropped: int
    """Rows without an image name: FER+ found no face in them."""

    def summary(self) -> str:
        lines = [f"{part:<6} {count:>7,} pictures" for part, count in self.counts.items()]
        lines.append(f"{'':<6} {self.dropped:>7,} rows dropped: no image name, FER+ saw no face")
        return "\n".join([*lines, f"written to {self.place}"])


def prepare_arrays(fer2013: Path, ferplus: Path, out: Path) -> Prepared:
    """Read both tables and write the array file `out` whole or not at all."""
    if out.is_dir():
        raise TrainingError(f"{out}: is a folder; --out needs a file name such as ferplus.npz")
    data, dropped = _read(fer2013, ferplus)
    save_arrays(data, out)
    return _prepared(out, data, dropped)


def prepare_tree(fer2013: Path, ferplus: Path, folder: Path, force: bool) -> Prepared:
    """Read both tables and write the picture tree of FER+ whole or not at all."""
    tree.check_place(folder, force)  # before minutes of reading
    data, dropped = _read(fer2013, ferplus)
    with _bar("writing", sum(map(len, data.values())), "picture") as progress:
        tree.write_tree(data, folder, force, progress)
    return _prepared(folder, data, dropped)


def _read(fer2013: Path, ferplus: Path) -> tuple[FerPlus, int]:
    rows = 0

    def count(step: int) -> None:
        nonlocal rows
        rows += step
        progress(step)

    with _bar("reading", _rows_expected(ferplus), "row") as progress:
        data = read_csv_pair(fer2013, ferplus, count)
    return data, rows - sum(map(len, data.values()))


def _rows_expected(table: Path) -> int | None:
    """Lines after the header, for the progress bar; None where that cannot be told."""
    try:
        with table.open("rb") as stream:
            return max(0, sum(1 for _ in stream) - 1)
    except OSError:
        return None  # reading it properly will say what is wrong


@contextmanager
def _bar(what: str, total: int | None, unit: str) -> Iterator[Progress]:
    # disable=None: no bar where nobody watches (a log, a pipe)
    with tqdm(total=total, desc=what, unit=unit, leave=False, mininterval=0.5, disable=None) as bar:
        yield bar.update


def _prepared(place: Path, data: FerPlus, dropped: int) -> Prepared:
    return Prepared(place, {part: len(rows) for part, rows in data.items()}, dropped)
