from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion.labels import EMOTIONS
from training.metrics import BINS, confusion_matrix, measure, reliability, wilson


def sure(answers: list[int], confidence: float) -> npt.NDArray[np.float64]:
    """Rows that give one class this probability and share the rest among the others."""
    rows = np.full((len(answers), 8), (1 - confidence) / 7)
    rows[np.arange(len(answers)), answers] = confidence
    return rows


def test_measures_counted_by_hand() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    found = measure(sure([0, 0, 1, 1, 1, 0], 0.8), labels)
    assert found.pictures == 6
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.recall[:3] == pytest.approx([2 / 3, 1, 0])
    assert found.precision[:2] == pytest.approx([2 / 3, 2 / 3])
    assert np.isnan(found.precision[2])
    assert found.f1[:3] == pytest.approx([2 / 3, 4 / 5, 0])
    assert np.isnan(found.recall[3:]).all()
    assert found.macro_f1 == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    assert found.calibration_error == pytest.approx(0.8 - 4 / 6)
    expected = -(4 * np.log(0.8) + 2 * np.log(0.2 / 7)) / 6
    assert found.cross_entropy == pytest.approx(expected)


def test_confusion_has_labels_in_rows_and_answers_in_columns() -> None:
    counts = confusion_matrix(np.array([0, 0, 3]), np.array([0, 5, 3]))
    assert counts.shape == (8, 8)
    assert (counts[0, 0], counts[0, 5], counts[3, 3], counts.sum()) == (1, 1, 1, 3)


def test_calibration_error_weighs_the_bins_by_their_pictures() -> None:
    # Bin of 0.95: 4 pictures, 3 right. Bin of 0.55: 2 pictures, 2 right.
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False, True, True])
    bins = reliability(confidence, right)
    assert bins.count.sum() == 6
    assert bins.expected_error == pytest.approx((4 * abs(0.75 - 0.95) + 2 * abs(1 - 0.55)) / 6)


def test_confidences_on_a_bin_edge_belong_to_the_lower_bin() -> None:
    bins = reliability(np.array([1 / BINS, 1.0, 0.0]), np.array([True, True, False]))
    assert bins.count.tolist() == [2, *[0] * (BINS - 2), 1]
    assert np.isnan(bins.accuracy[1])


def test_wilson_interval_has_the_published_values() -> None:
    # Newcombe 1998, table I, method 3: 81 of 263 and 15 of 148.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)


@pytest.mark.parametrize("right", [0, 1, 20])
def test_wilson_interval_holds_the_share_and_stays_within_0_and_1(right: int) -> None:
    low, high = wilson(right, 20)
    assert 0 <= low <= right / 20 <= high <= 1
    assert low < high


def test_a_certain_mistake_is_dear_but_finite() -> None:
    found = measure(np.eye(8)[[0]], np.array([1]))
    assert 20 < found.cross_entropy < 40
    assert found.calibration_error == 1


def test_plain_values_survive_json_with_null_for_a_missing_class() -> None:
    found = measure(sure([0, 1], 0.9), np.array([0, 1]))
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["pictures"] == 2
    assert plain["accuracy"] == 1
    assert list(plain["classes"]) == list(EMOTIONS)
    assert plain["classes"]["happiness"] == {"pictures": 1, "recall": 1, "precision": 1, "f1": 1}
    assert plain["classes"]["fear"]["recall"] is None


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [
        (np.zeros((0, 8)), np.zeros(0)),
        (np.zeros((3, 7)), np.zeros(3)),
        (np.zeros((3, 8)), np.zeros(2)),
        (np.zeros((1, 8)), np.array([8])),
        (np.zeros((1, 8)), np.array([-1])),
    ],
)
def test_refuses_what_cannot_be_measured(
    probabilities: npt.NDArray[np.float64], labels: npt.NDArray[np.float64]
) -> None:
    with pytest.raises(ValueError, match="labels"):
        measure(probabilities, labels)
