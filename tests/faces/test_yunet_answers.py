from __future__ import annotations

import numpy as np
import pytest

from agent.faces.yunet_answers import Floats, decoded, grids

SIDE = 64


def silent() -> dict[tuple[int, int], Floats]:
    """Outputs of a picture without a face, by stride and width; the first of two with width 1."""
    return {
        (stride, width): np.zeros((1, (SIDE // stride) ** 2, width), np.float32)
        for stride in (8, 16, 32)
        for width in (1, 4, 10)
    }


def outputs_of(named: dict[tuple[int, int], Floats]) -> list[Floats]:
    """The outputs, with both probabilities of a cell alike, in an order of no meaning."""
    twelve = [*named.values(), *(array for (_, width), array in named.items() if width == 1)]
    return [twelve[index] for index in np.random.default_rng(3).permutation(len(twelve))]


def rows_of(outputs: list[Floats], min_score: float = 0.6) -> Floats:
    return decoded(grids(outputs, SIDE, SIDE), SIDE, min_score)


def test_a_cell_becomes_a_box_and_points_in_pixels() -> None:
    named = silent()
    cell = 2 * 4 + 1  # row 2, column 1 of the grid of 16 pixels
    named[16, 1][0, cell] = 0.81
    named[16, 4][0, cell] = 0.5, 0.25, np.log(2), np.log(3)
    named[16, 10][0, cell] = np.arange(10) / 10

    (row,) = rows_of(outputs_of(named))

    centre, size = np.array([1.5, 2.25]) * 16, np.array([2, 3]) * 16
    np.testing.assert_allclose(row[:4], [*(centre - size / 2), *size], rtol=1e-5)
    points = (np.arange(10).reshape(5, 2) / 10 + (1, 2)) * 16
    np.testing.assert_allclose(row[4:14], points.ravel(), rtol=1e-5)
    assert row[14] == pytest.approx(0.81)


def test_the_score_is_the_geometric_mean_of_both_probabilities() -> None:
    outputs = outputs_of(silent())
    one, other = (array for array in outputs if array.shape == (1, 64, 1))
    if one is other:
        other = one.copy()
        outputs[[a is one for a in outputs].index(True)] = other
    one[0, 5], other[0, 5] = 0.9, 0.4

    (row,) = rows_of(outputs, min_score=0.5)

    assert row[14] == pytest.approx(0.6)


def test_of_answers_that_mean_one_face_the_best_is_kept_and_the_best_comes_first() -> None:
    named = silent()
    for cell, score in ((0, 0.7), (1, 0.9), (63, 0.95)):
        named[8, 1][0, cell] = score
        named[8, 4][0, cell] = 0.5, 0.5, np.log(4), np.log(4)

    rows = rows_of(outputs_of(named))

    np.testing.assert_allclose(rows[:, 14], [0.95, 0.9], rtol=1e-6)


def test_no_face_gives_no_row() -> None:
    assert rows_of(outputs_of(silent())).shape == (0, 15)


def test_outputs_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="no outputs of YuNet for cells of 8 pixels"):
        grids([np.zeros((1, 896, 16), np.float32), np.zeros((1, 896, 1), np.float32)], 256, 256)
