"""The measurement of a resting face, and what is kept of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agent.calibration import Calibration, Sight
from agent.types import Box

MODEL = "fer-compact@1.0.0"
SAD = np.array([0.3, 0.01, 0.01, 0.64, 0.01, 0.01, 0.01, 0.01], np.float32)
HAPPY = np.array([0.04, 0.9, *[0.01] * 6], np.float32)


def sight(row: np.ndarray | None = SAD, track: int = 1, x: float = 100) -> Sight:
    return Sight(track, Box(x, 100, 80, 80), row)


def measured(*frames: list[Sight], file: Path | None = None) -> Calibration:
    """Eleven frames, half a second apart, the last like those before."""
    calibration = Calibration(file)
    calibration.use_for(MODEL)
    calibration.begin()
    for number in range(11):
        calibration.take(100 + number / 2, frames[min(number, len(frames) - 1)])
    return calibration


def test_five_seconds_of_a_resting_face_make_a_baseline_that_outlives_the_agent(
    tmp_path: Path,
) -> None:
    file = tmp_path / "baseline.json"
    calibration = measured([sight()], file=file)
    assert calibration.state == "applied"
    assert set(json.loads(file.read_text())) == {"model", "time", "readings", "taken_off"}
    assert list(tmp_path.iterdir()) == [file]
    again = Calibration(file)
    again.use_for(MODEL)
    assert again.baseline is not None
    assert again.kept is not None
    assert again.kept.readings == 11
    assert again.baseline.apply(SAD[np.newaxis])[0].argmax() == 0


def test_undoing_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    calibration = measured([sight()], file=file)
    calibration.undo()
    assert (calibration.state, calibration.baseline) == ("none", None)
    assert not file.exists()


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([[]], "no face was seen"),
        ([[sight(None)]], "could be read in 0 pictures only"),
        ([[sight(), sight(track=2)]], "several faces"),
        ([[sight()], [sight(x=160)]], "the face moved"),
        ([[sight()], [sight(track=2)]], "lost and found again"),
        ([[sight()]] * 5 + [[sight(HAPPY)]], "did not stay the same"),
    ],
)
def test_what_is_no_resting_face_is_refused(frames: list[list[Sight]], why: str) -> None:
    calibration = measured(*frames)
    assert calibration.refusal is not None
    assert why in calibration.refusal
    assert calibration.state == "none"


def test_a_measurement_without_pictures_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    calibration = Calibration()
    calibration.begin()
    calibration.give_up_waiting()
    assert calibration.refusal is None
    monkeypatch.setattr("agent.calibration._PATIENCE", 0)
    calibration.give_up_waiting()
    assert calibration.state == "none"
    assert calibration.refusal is not None


def test_a_baseline_of_another_model_is_told_and_not_applied(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    measured([sight()], file=tmp_path / "baseline.json")
    again = Calibration(tmp_path / "baseline.json")
    again.use_for("other@2")
    assert (again.state, again.baseline) == ("none", None)
    assert f"made with {MODEL}, not other@2" in caplog.text


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", "\xff", json.dumps({"model": "m", "time": "2026-01-01", "taken_off": {}})],
)
def test_a_damaged_file_is_told_and_the_agent_goes_on(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "baseline.json"
    file.write_bytes(damage.encode("latin-1"))
    calibration = Calibration(file)
    calibration.use_for(MODEL)
    assert calibration.baseline is None
    assert "baseline.json cannot be read" in caplog.text
    assert calibration.trouble is not None


def test_a_baseline_moves_to_the_place_of_a_new_name(tmp_path: Path) -> None:
    measured([sight()], file=tmp_path / "one.json").keep_in(tmp_path / "two.json")
    assert Calibration(tmp_path / "two.json").kept is not None


def test_a_baseline_that_cannot_be_kept_is_applied(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert measured([sight()], file=tmp_path / "missing" / "b.json").state == "applied"
    assert "lost at the next start" in caplog.text
