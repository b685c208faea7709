"""What a resting face is misread as: measured, bounded, and undone by leaving it out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agent.emotion.baseline import FEWEST, LIMIT, Baseline, UnsteadyError, baseline_of
from agent.emotion.labels import EMOTIONS

ROWS = hnp.arrays(np.float64, (12, 8), elements=st.floats(1e-6, 1)).map(
    lambda rows: rows / rows.sum(axis=1, keepdims=True)
)
TAKEN_OFF = st.dictionaries(st.sampled_from(EMOTIONS[1:]), st.floats(0, LIMIT))


def row(**shares: float) -> list[float]:
    left = (1 - sum(shares.values())) / (8 - len(shares))
    return [shares.get(name, left) for name in EMOTIONS]


def test_a_face_that_rests_as_sad_reads_as_neutral_afterwards() -> None:
    resting = np.array([row(neutral=0.3, sadness=0.66)] * 10)
    baseline = baseline_of(resting)
    assert set(baseline.taken_off) == {"sadness"}
    assert EMOTIONS[int(baseline.apply(resting)[0].argmax())] == "neutral"


def test_a_face_that_rests_as_neutral_changes_nothing() -> None:
    resting = np.array([row(neutral=0.95)] * 10)
    baseline = baseline_of(resting)
    assert baseline.taken_off == {}
    rows = np.array([row(happiness=0.4, anger=0.3)], np.float32)
    assert (baseline.apply(rows) == rows).all()


def test_a_clear_happiness_stays_one_whatever_was_measured() -> None:
    baseline = baseline_of(np.array([row(happiness=0.98)] * 10))
    assert baseline.taken_off == {"happiness": LIMIT}
    assert baseline.apply(np.array([row(happiness=0.97)]))[0].argmax() == 1


@settings(max_examples=60, deadline=None)
@given(TAKEN_OFF, ROWS)
def test_odds_against_neutral_fall_by_what_is_taken_off_and_come_back(
    taken_off: dict[str, float], rows: np.ndarray
) -> None:
    changed = Baseline(taken_off).apply(rows).astype(np.float64)
    assert changed.sum(axis=1) == pytest.approx(np.ones(12), abs=1e-5)
    given_odds, odds = np.log(rows / rows[:, :1]), np.log(changed / changed[:, :1])
    amounts = [taken_off.get(name, 0.0) for name in EMOTIONS]
    assert given_odds - odds == pytest.approx(np.tile(amounts, (12, 1)), abs=1e-3)
    back = changed * np.exp(amounts)
    assert back / back.sum(axis=1, keepdims=True) == pytest.approx(rows, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_what_is_measured_is_bounded(rows: np.ndarray) -> None:
    try:
        taken_off = baseline_of(rows).taken_off
    except UnsteadyError:
        return
    assert all(0 < amount <= LIMIT for amount in taken_off.values())
    assert "neutral" not in taken_off


def test_too_few_readings_and_changing_ones_are_refused() -> None:
    with pytest.raises(UnsteadyError, match=f"{FEWEST - 1} pictures only"):
        baseline_of(np.array([row(neutral=0.9)] * (FEWEST - 1)))
    with pytest.raises(UnsteadyError, match="did not stay the same"):
        baseline_of(np.array([row(neutral=0.9), row(happiness=0.9)] * 10))


@pytest.mark.parametrize("wrong", [{"neutral": 1.0}, {"joy": 1.0}, {"anger": -0.1}, {"anger": 9.0}])
def test_what_cannot_be_taken_off_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="cannot be taken off"):
        Baseline(wrong)
