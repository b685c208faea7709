from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion.preprocess import Preprocessing
from training.candidate import Candidate
from training.errors import TrainingError
from training.evaluate import evaluate, write
from training.ferplus import FerPlus, load_arrays
from training.history import HISTORY_COLUMNS


@pytest.fixture
def data(prepared: Path) -> FerPlus:
    return load_arrays(prepared)


def knowing(data: FerPlus, wrong: int, confidence: float, temperature: float = 1.0) -> Candidate:
    """A model that knows the validation part by heart, but for its first `wrong` pictures."""
    answers = data["valid"].votes[:, :8].argmax(axis=1)
    answers[:wrong] = (answers[:wrong] + 1) % 8
    rows = np.full((len(answers), 8), (1 - confidence) / 7)
    rows[np.arange(len(answers)), answers] = confidence

    def outputs(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        assert inputs.shape == (len(answers), 48, 48, 1)
        return np.asarray(np.log(rows) + 1.0, np.float64)

    return Candidate("known", temperature, 48, Preprocessing(), outputs)


def test_measures_the_pictures_that_have_a_majority(data: FerPlus) -> None:
    found = evaluate(knowing(data, wrong=10, confidence=0.9), data, "valid")
    assert found.metrics.pictures == 40
    assert found.metrics.accuracy == pytest.approx(0.75)
    assert found.metrics.calibration_error == pytest.approx(0.15)


def test_leaves_out_pictures_without_a_majority(data: FerPlus) -> None:
    candidate = knowing(data, 0, 0.9)
    data["train"].votes[5:] = 1
    answers = np.eye(8)[:5]
    five = Candidate("five", 1, 48, Preprocessing(), lambda inputs: answers[: len(inputs)])
    assert evaluate(five, data, "train").metrics.pictures == 5
    assert evaluate(candidate, data, "valid").metrics.pictures == 40


def test_divides_by_the_temperature_and_finds_a_better_one(data: FerPlus) -> None:
    plain = evaluate(knowing(data, 10, 0.9), data, "valid")
    hot = evaluate(knowing(data, 10, 0.9, temperature=5.0), data, "valid")
    assert hot.metrics.accuracy == plain.metrics.accuracy
    assert hot.metrics.calibration_error > plain.metrics.calibration_error
    assert hot.fitted_temperature == pytest.approx(plain.fitted_temperature)
    assert plain.fitted_temperature > 1
    assert plain.fitted.calibration_error < 0.01


def test_page_tells_accuracy_interval_protocol_and_every_class(data: FerPlus) -> None:
    page = evaluate(knowing(data, 10, 0.9), data, "valid").text()
    assert "75.00 %" in page
    assert "59.81 to 85.81 % (Wilson)" in page
    assert "labels of fer2013new.csv by majority" in page
    assert "40 of the valid part" in page
    for line in page.splitlines()[-8:]:
        assert len(line.split()) == 5


def test_a_part_that_is_not_there_is_refused(data: FerPlus) -> None:
    del data["test"]
    with pytest.raises(TrainingError, match="the data has no test part; it has train, valid"):
        evaluate(knowing(data, 0, 0.9), data, "test")


def test_a_part_without_majorities_is_refused(data: FerPlus) -> None:
    data["test"].votes[:] = 1
    with pytest.raises(TrainingError, match="no picture that the majority rule keeps"):
        evaluate(knowing(data, 0, 0.9), data, "test")


def is_picture(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000


def test_writes_metrics_and_plots(data: FerPlus, tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    lines = [",".join(HISTORY_COLUMNS), "1,0.1,1.5,1.4,0.5", "2,0.0,1.2,1.1,0.6"]
    history.write_text("\n".join(lines) + "\n")
    found = evaluate(knowing(data, 10, 0.9), data, "valid")
    written = write(found, tmp_path / "deep/out", history)
    assert [path.name for path in written] == [
        "metrics.json",
        "confusion.png",
        "reliability.png",
        "curves.png",
    ]
    assert json.loads(written[0].read_text()) == found.as_dict()
    assert all(map(is_picture, written[1:]))


def test_draws_no_curves_without_a_history(data: FerPlus, tmp_path: Path) -> None:
    found = evaluate(knowing(data, 10, 0.9), data, "valid")
    written = write(found, tmp_path / "out", tmp_path / "history.csv")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        path.name for path in written
    )
    assert "curves.png" not in [path.name for path in written]


def test_draws_a_model_that_never_says_some_classes(data: FerPlus, tmp_path: Path) -> None:
    neutral = Candidate(
        "neutral", 1, 48, Preprocessing(), lambda inputs: np.eye(8)[np.zeros(len(inputs), int)]
    )
    found = evaluate(neutral, data, "valid")
    assert all(map(is_picture, write(found, tmp_path, tmp_path / "none.csv")[1:]))
