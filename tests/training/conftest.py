"""A small FER+ of our own: drawn faces and votes, in the two tables that people download."""

from __future__ import annotations

import csv
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from training.ferplus import FerPlus, read_csv_pair

HEADER = (
    "Usage",
    "Image name",
    *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    *("unknown", "NF"),
)


@dataclass
class Row:
    """One picture and its votes."""

    usage: str
    votes: Sequence[int]
    image: npt.NDArray[np.uint8]
    named: bool = True


@dataclass
class Tables:
    """Both tables, to be written as they are or with something broken."""

    folder: Path
    rows: list[Row] = field(default_factory=list)

    @property
    def fer2013(self) -> Path:
        return self.folder / "fer2013.csv"

    @property
    def ferplus(self) -> Path:
        return self.folder / "fer2013new.csv"

    @property
    def archive(self) -> Path:
        return self.folder / "fer2013.tar.gz"

    @property
    def arguments(self) -> list[str]:
        """`emotion-train prepare` with both tables."""
        return ["prepare", "--fer2013", str(self.fer2013), "--ferplus", str(self.ferplus)]

    def add(self, usage: str, *votes: int, named: bool = True) -> None:
        """Append a picture of the emotion that has the most votes."""
        rng = np.random.default_rng(len(self.rows))
        self.rows.append(Row(usage, votes, _face(int(np.argmax(votes)), rng), named))

    def write(self) -> Tables:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.fer2013.open("w", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(("emotion", "pixels", "Usage"))
            for row in self.rows:
                table.writerow((0, " ".join(map(str, row.image.ravel())), row.usage))
        with self.ferplus.open("w", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(HEADER)
            for number, row in enumerate(self.rows):
                name = f"fer{number:07}.png" if row.named else ""
                table.writerow((row.usage, name, *row.votes))
        with tarfile.open(self.archive, "w:gz") as archive:
            archive.add(self.fer2013, "fer2013/fer2013.csv")
        return self

    def change(self, table: Path, line: int, old: str, new: str) -> None:
        """Replace the first `old` in a line (counted from 1) of a written table."""
        lines = table.read_text().splitlines()
        assert old in lines[line - 1]
        lines[line - 1] = lines[line - 1].replace(old, new, 1)
        table.write_text("\n".join(lines) + "\n")


def _face(emotion: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A drawn face, 48 x 48: each emotion has its own mouth and brows."""
    image = np.full((48, 48), 60, np.uint8)
    cv2.ellipse(image, (24, 24), (17, 22), 0, 0, 360, 190, -1)
    for x in (17, 31):
        cv2.circle(image, (x, 20), 2, 20, -1)
    cv2.line(image, (13, 13 + emotion % 4), (20, 13), 30, 1 + emotion // 4)
    cv2.line(image, (35, 13 + emotion % 4), (28, 13), 30, 1 + emotion // 4)
    start, end = (0, 180) if emotion % 2 else (180, 360)
    cv2.ellipse(image, (24, 34), (4 + emotion, 1 + emotion // 2), 0, start, end, 20, 2)
    noise = rng.normal(0, 6, image.shape)
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    """Three written rows: two of the training part, one of the public test part."""
    small = Tables(tmp_path / "tables")
    small.add("Training", 8, 0, 0, 0, 0, 0, 0, 0, 2, 0)
    small.add("Training", 0, 10, 0, 0, 0, 0, 0, 0, 0, 0)
    small.add("PublicTest", 0, 0, 9, 0, 0, 0, 1, 0, 0, 0)
    return small.write()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared array file: 96 training, 40 validation and 16 test pictures of all emotions."""
    from training.ferplus import read_csv_pair, save_arrays  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("ferplus")
    made = Tables(folder)
    for usage, count in (("Training", 96), ("PublicTest", 40), ("PrivateTest", 16)):
        for number in range(count):
            votes = [0] * 10
            votes[number % 8] = 7
            votes[(number + 1) % 8] = 3
            made.add(usage, *votes)
    made.write()
    path = folder / "ferplus.npz"
    save_arrays(read_csv_pair(made.fer2013, made.ferplus), path)
    return path


@pytest.fixture
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a network that trains in moments; Keras forgets it after the test."""
    from training.backend import load_keras  # noqa: PLC0415

    keras = load_keras()
    from training.networks import NETWORKS  # noqa: PLC0415

    def build(width: float) -> object:
        layers = keras.layers
        image = keras.Input((48, 48, 1), name="image")
        x = layers.Conv2D(round(4 * width), 5, 4, use_bias=False)(image)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Dropout(0.3)(layers.Flatten()(x))
        return keras.Model(image, layers.Dense(8, dtype="float32")(x))

    monkeypatch.setitem(NETWORKS, "tiny", build)
    yield "tiny"
    keras.utils.clear_session()


@pytest.fixture(scope="session")
def real_data(shared: Path) -> FerPlus:
    """The real tables, read once; skips where they are not at hand."""
    return read_csv_pair(shared / "data/fer2013.tar.gz", shared / "data/fer2013new.csv")
