from __future__ import annotations

import numpy as np
import pytest

from agent.runtimes.outputs import calibrated, in_ferplus_order


def test_logits_become_a_softmax_at_the_temperature() -> None:
    given = calibrated(np.log([[1.0, 4.0]]), "logits", 2.0)

    np.testing.assert_allclose(given, [[1 / 3, 2 / 3]], rtol=1e-6)  # square roots: 1 to 2
    assert given.dtype == np.float32


def test_probabilities_stay_what_they_are_at_temperature_one() -> None:
    rows = np.array([[0.7, 0.2, 0.1], [0.0, 0.0, 1.0]])

    np.testing.assert_allclose(calibrated(rows, "probabilities", 1.0), rows, atol=1e-7)


def test_probabilities_and_their_logits_agree_at_any_temperature() -> None:
    rows = np.array([[0.7, 0.2, 0.1]])

    np.testing.assert_allclose(
        calibrated(rows, "probabilities", 1.7), calibrated(np.log(rows), "logits", 1.7), atol=1e-7
    )


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits_neither_overflow_nor_vanish(size: float) -> None:
    given = calibrated(np.array([[size, size, 0.0]]), "logits", 0.05)

    np.testing.assert_allclose(given.sum(), 1)


def test_no_rows_give_no_rows() -> None:
    assert calibrated(np.zeros((0, 8)), "logits", 1.0).shape == (0, 8)


def test_columns_go_where_ferplus_has_them_and_a_missing_one_is_zero() -> None:
    fer2013 = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
    rows = np.array([[0.3, 0.02, 0.03, 0.4, 0.05, 0.1, 0.1]], np.float32)

    np.testing.assert_array_equal(
        in_ferplus_order(rows, fer2013),
        np.array([[0.1, 0.4, 0.1, 0.05, 0.3, 0.02, 0.03, 0]], np.float32),
    )
