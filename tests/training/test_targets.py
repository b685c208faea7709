from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from training.targets import MODES, Mode, majority_labels, target, targets

SOFT: tuple[Mode, ...] = ("probability", "crossentropy")


def read(votes: str, mode: Mode) -> list[float] | None:
    """The target of votes written as ten numbers, rounded."""
    made = target([int(vote) for vote in votes.split()], mode)
    return None if made is None else [round(float(value), 4) for value in made]


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        # columns: neutral happiness surprise sadness anger disgust fear contempt unknown NF
        ("10 0 0 0 0 0 0 0 0 0", [1, 0, 0, 0, 0, 0, 0, 0]),
        ("4 0 0 6 0 0 0 0 0 0", [0, 0, 0, 1, 0, 0, 0, 0]),
        ("5 5 0 0 0 0 0 0 0 0", None),  # half is not more than half
        ("5 4 1 0 0 0 0 0 0 0", [1, 0, 0, 0, 0, 0, 0, 0]),  # the one is removed: 5 of 9
        ("2 1 1 1 1 1 1 1 1 0", [1, 0, 0, 0, 0, 0, 0, 0]),  # all that is left is 2 of 2
        ("1 1 1 1 1 1 1 1 1 1", None),  # nothing is left
        ("0 0 0 0 0 0 0 0 10 0", None),  # unknown
        ("3 0 0 0 0 0 0 0 0 7", None),  # no face
        ("0 0 6 0 0 0 0 0 4 0", [0, 0, 1, 0, 0, 0, 0, 0]),  # unknown, but not first
        ("0 0 0 0 0 0 0 0 0 0", None),
    ],
)
def test_majority_wants_more_than_half(votes: str, expected: list[float] | None) -> None:
    assert read(votes, "majority") == expected


@pytest.mark.parametrize("mode", SOFT)
@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ("8 2 0 0 0 0 0 0 0 0", [1, 0, 0, 0, 0, 0, 0, 0]),  # 8 of 10 cover three quarters
        ("6 4 0 0 0 0 0 0 0 0", [0.6, 0.4, 0, 0, 0, 0, 0, 0]),
        ("6 3 1 0 0 0 0 0 0 0", [0.6667, 0.3333, 0, 0, 0, 0, 0, 0]),  # the one is removed
        ("5 5 0 0 0 0 0 0 0 0", [0.5, 0.5, 0, 0, 0, 0, 0, 0]),  # a tie comes in together
        ("4 3 3 0 0 0 0 0 0 0", [0.4, 0.3, 0.3, 0, 0, 0, 0, 0]),
        ("4 2 2 2 0 0 0 0 0 0", None),  # a tie makes four emotions
        ("2 2 2 2 2 0 0 0 0 0", None),
        ("3 3 2 2 0 0 0 0 0 0", None),  # 3, 3 then a tie: four emotions
        ("0 0 0 0 0 0 0 0 8 2", None),  # unknown first
        ("4 0 0 0 0 0 0 0 6 0", None),
        ("6 0 0 0 0 0 0 0 4 0", [1, 0, 0, 0, 0, 0, 0, 0]),  # neutral, then unknown: stop there
        ("5 0 0 0 0 0 0 0 5 0", None),  # after unknown is left out, half is not enough
        ("4 3 0 0 0 0 0 0 3 0", [0.5714, 0.4286, 0, 0, 0, 0, 0, 0]),  # 7 of 10
        ("3 2 0 0 0 0 0 0 3 2", None),  # ties with unknown: neutral alone is too little
        ("1 1 1 1 1 1 1 1 1 1", None),
    ],
)
def test_strongest_emotions_must_cover_the_votes(
    mode: Mode, votes: str, expected: list[float] | None
) -> None:
    assert read(votes, mode) == expected


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ("7 3 0 0 0 0 0 0 0 0", [0.7, 0.3, 0, 0, 0, 0, 0, 0]),  # 30 % counts
        ("8 2 0 0 0 0 0 0 0 0", [1, 0, 0, 0, 0, 0, 0, 0]),
        ("4 2 2 2 0 0 0 0 0 0", None),  # only 4 of 10 are in emotions with 30 %
        ("3 3 3 1 0 0 0 0 0 0", [0.3333, 0.3333, 0.3333, 0, 0, 0, 0, 0]),
        ("0 0 0 0 0 0 0 0 6 4", None),
        ("3 0 0 0 0 0 0 0 7 0", None),  # unknown first
        ("6 0 0 0 0 0 0 0 4 0", [1, 0, 0, 0, 0, 0, 0, 0]),
        ("5 0 0 0 0 0 0 0 5 0", [1, 0, 0, 0, 0, 0, 0, 0]),  # a tie with unknown: emotion first
        ("2 2 2 2 2 0 0 0 0 0", None),
    ],
)
def test_multi_target_keeps_every_emotion_with_a_share(
    votes: str, expected: list[float] | None
) -> None:
    assert read(votes, "multi_target") == expected


@pytest.fixture(scope="module")
def drawn() -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Votes of 500 pictures, from agreed to undecided."""
    rng = np.random.default_rng(4)
    shares = [rng.dirichlet(np.full(10, rng.choice([0.1, 0.3, 1.0]))) for _ in range(500)]
    return np.array([rng.multinomial(10, share) for share in shares], np.uint8)


@pytest.mark.parametrize("mode", MODES)
def test_every_target_is_a_distribution_over_emotions_that_were_voted(
    mode: Mode, drawn: np.ndarray[tuple[int, int], np.dtype[np.uint8]]
) -> None:
    made, rows = targets(drawn, mode)
    assert 50 < len(rows) < len(drawn)
    assert made.shape == (len(rows), 8)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made.sum(axis=1), 1, atol=1e-6)
    assert (made >= 0).all()
    voted = drawn[rows][:, :8]
    assert (voted[made > 0] > 1).all()
    # the strongest of the target is a strongest of the votes
    strongest = made.argmax(axis=1)
    np.testing.assert_array_equal(voted[np.arange(len(rows)), strongest], voted.max(axis=1))


@pytest.mark.parametrize("mode", MODES)
def test_rows_come_in_order_and_leave_the_votes_alone(
    mode: Mode, drawn: np.ndarray[tuple[int, int], np.dtype[np.uint8]]
) -> None:
    before = drawn.copy()
    made, rows = targets(drawn, mode)
    np.testing.assert_array_equal(drawn, before)
    assert (np.diff(rows) > 0).all()
    for index, row in enumerate(rows[:50]):
        np.testing.assert_array_equal(made[index], target(drawn[row], mode))


@pytest.mark.parametrize("mode", MODES)
def test_exchanging_two_emotions_exchanges_their_targets(
    mode: Mode, drawn: np.ndarray[tuple[int, int], np.dtype[np.uint8]]
) -> None:
    order = [0, 1, 2, 3, 4, 6, 5, 7]
    made, rows = targets(drawn, mode)
    swapped, swapped_rows = targets(drawn[:, [*order, 8, 9]], mode)
    np.testing.assert_array_equal(rows, swapped_rows)
    np.testing.assert_allclose(made[:, order], swapped)


def test_probability_and_crossentropy_have_the_same_targets(
    drawn: np.ndarray[tuple[int, int], np.dtype[np.uint8]],
) -> None:
    for one, other in zip(
        targets(drawn, "probability"), targets(drawn, "crossentropy"), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_no_votes_give_empty_targets() -> None:
    for mode in get_args(Mode):
        made, rows = targets(np.zeros((0, 10), np.uint8), mode)
        assert made.shape == (0, 8)
        assert rows.shape == (0,)


def test_majority_labels_are_class_numbers_with_their_rows() -> None:
    votes = np.array(
        [[0, 9, 0, 0, 0, 0, 0, 0, 1, 0], [5, 5, 0, 0, 0, 0, 0, 0, 0, 0], [0] * 7 + [10, 0, 0]],
        np.uint8,
    )
    labels, rows = majority_labels(votes)
    assert labels.tolist() == [1, 7]
    assert rows.tolist() == [0, 2]
