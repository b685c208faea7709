from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion.preprocess import Preprocessing
from agent.faces.gates import sharpness
from training.candidate import Candidate
from training.errors import TrainingError
from training.ferplus import FerPlus, load_arrays
from training.robustness import CONDITIONS, SMALL, survey, write

Rows = npt.NDArray[np.float64]


@pytest.fixture
def data(prepared: Path) -> FerPlus:
    return load_arrays(prepared)


@pytest.fixture
def picture() -> npt.NDArray[np.uint8]:
    """A white cross a little above the middle, on grey."""
    image = np.full((48, 48), 90, np.uint8)
    cv2.drawMarker(image, (24, 18), 255, cv2.MARKER_CROSS, 9, 3)
    return image


def candidate(rows: Rows | None, inputs_seen: list[npt.NDArray[np.float32]]) -> Candidate:
    """A model that gives the same rows to the pictures in their order, whatever they show; or
    tells dark pictures from light ones, without `rows`.
    """

    def outputs(inputs: npt.NDArray[np.float32]) -> Rows:
        inputs_seen.append(inputs)
        if rows is not None:
            return rows[: len(inputs)]
        bright = (inputs.mean(axis=(1, 2, 3)) > -0.5).astype(int)
        return np.asarray(np.eye(8)[bright] * 5, np.float64)

    return Candidate("drawn", 1.0, 48, Preprocessing(), outputs)


def change(name: str, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return (CONDITIONS | SMALL)[name](image, np.random.default_rng(0))


def test_a_model_that_looks_at_nothing_loses_nothing(data: FerPlus) -> None:
    seen: list[npt.NDArray[np.float32]] = []
    known = np.eye(8)[data["valid"].votes[:, :8].argmax(axis=1)] * 5
    found = survey(candidate(known, seen), data, "valid")
    assert found.plain == 1.0
    assert {outcome.accuracy for outcome in found.outcomes.values()} == {1.0}
    assert found.flips == 0
    assert len(seen) == 1 + len(CONDITIONS) + len(SMALL)
    assert not any(np.array_equal(seen[0], other) for other in seen[1:])


def test_a_model_that_looks_at_the_light_fails_in_low_light_only(data: FerPlus) -> None:
    found = survey(candidate(None, []), data, "valid")
    changed = {name for name, outcome in found.outcomes.items() if outcome.changed > 0.5}
    assert changed == {"low light"}
    assert found.outcomes["low light"].changed == 1.0


def test_the_same_model_gives_the_same_numbers_again(data: FerPlus) -> None:
    assert survey(candidate(None, []), data, "test") == survey(candidate(None, []), data, "test")


@pytest.mark.parametrize(
    ("name", "across", "down"),
    [
        ("box 8 % to the left", 1, 0),
        ("box 8 % to the right", -1, 0),
        ("box 8 % up", 0, 1),
        ("box 8 % down", 0, -1),
    ],
)
def test_a_shifted_box_moves_the_face_the_other_way(
    picture: npt.NDArray[np.uint8], name: str, across: int, down: int
) -> None:
    y, x = np.nonzero(change(name, picture) > 170)
    assert x.mean() - 24 == pytest.approx(across * 0.08 * 48, abs=0.5)
    assert y.mean() - 18 == pytest.approx(down * 0.08 * 48, abs=0.5)


def test_a_larger_box_makes_the_face_smaller(picture: npt.NDArray[np.uint8]) -> None:
    counts = [
        (change(name, picture) > 170).sum() for name in ("box of 0.85", "5 % larger", "box of 1.2")
    ]
    assert counts == sorted(counts, reverse=True)


def test_small_faces_blur_and_darkness_take_detail_and_light(
    picture: npt.NDArray[np.uint8],
) -> None:
    for name in ("face of 24 pixels", "blur, sigma 2"):
        assert sharpness(change(name, picture)) < 0.8 * sharpness(picture)
    assert change("low light", picture).mean() < 0.3 * picture.mean()
    assert np.array_equal(change("mirrored", picture)[:, ::-1], picture)


def test_table_json_and_picture_tell_the_same(data: FerPlus, tmp_path: Path) -> None:
    found = survey(candidate(None, []), data, "valid")
    page, drawn = write(found, tmp_path / "out")
    told = json.loads(page.read_text())
    assert told == found.as_dict()
    assert list(told["conditions"]) == list(CONDITIONS)
    assert drawn.read_bytes().startswith(b"\x89PNG")
    table = found.text().splitlines()
    assert len(table) == len(CONDITIONS) + 4
    lost = told["conditions"]["low light"]["points_lost"]
    assert f"{lost:.2f}" in next(line for line in table if line.startswith("low light"))


def test_a_part_that_is_not_there_is_refused(data: FerPlus) -> None:
    del data["test"]
    with pytest.raises(TrainingError, match="the data has no test part"):
        survey(candidate(None, []), data, "test")
