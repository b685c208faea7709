from __future__ import annotations

from itertools import permutations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from agent.faces.assignment import assign, distance
from agent.types import Box

LIMIT = 1.0


def most_saved_by_trying_all(costs: npt.NDArray[np.float64]) -> float:
    """The most that any assignment saves, by going through all of them."""
    rows, columns = costs.shape
    if rows > columns:
        return most_saved_by_trying_all(costs.T)
    saved = np.maximum(LIMIT - costs, 0)
    return max(
        float(saved[np.arange(rows), list(choice)].sum())
        for choice in permutations(range(columns), rows)
    )


@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
        elements=st.one_of(st.floats(0, 2), st.just(np.inf)),
    )
)
def test_no_assignment_saves_more(costs: npt.NDArray[np.float64]) -> None:
    pairs = assign(costs, LIMIT)

    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert all(costs[pair] < LIMIT for pair in pairs)
    saved = sum(LIMIT - costs[pair] for pair in pairs)
    assert saved == pytest.approx(most_saved_by_trying_all(costs))


def test_the_nearest_pair_gives_way_where_both_gain() -> None:
    """Taking 0.1 first would leave the pair of 0.9."""
    assert assign(np.array([[0.1, 0.2], [0.15, 0.9]]), LIMIT) == [(0, 1), (1, 0)]


def test_distance_grows_as_boxes_part() -> None:
    box = Box(100, 100, 50, 50)
    moved = [distance(box, Box(100 + step, 100, 50, 50)) for step in range(0, 400, 10)]

    assert moved[0] == 0
    assert moved == sorted(moved)
    assert len(set(moved)) == len(moved)
    assert moved[-1] < 2


def test_distance_tells_sizes_apart() -> None:
    box = Box(100, 100, 50, 50)

    assert distance(box, Box(110, 110, 30, 30)) > distance(box, Box(105, 105, 40, 40)) > 0


def test_boxes_without_size_have_a_distance() -> None:
    assert distance(Box(5, 5, 0, 0), Box(5, 5, 0, 0)) == 1
