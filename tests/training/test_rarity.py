import numpy as np
import pytest

from training.rarity import epoch_order, repeat_factors

_WANTED = np.eye(8, dtype=np.float32)[[0] * 900 + [3] * 90 + [7] * 10]


def test_no_share_repeats_nothing_and_keeps_the_order_of_earlier_runs() -> None:
    factors = repeat_factors(_WANTED, 0.0)
    order = epoch_order(factors, np.random.default_rng([3, 1]))
    assert np.array_equal(factors, np.ones(1000))
    assert np.array_equal(order, np.random.default_rng([3, 1]).permutation(1000))


def test_only_what_is_rarer_than_the_share_comes_more_often() -> None:
    factors = repeat_factors(_WANTED, 0.04)
    assert set(factors[:990]) == {1.0}
    assert factors[990:] == pytest.approx(np.full(10, 2.0))


def test_a_fraction_is_a_chance() -> None:
    factors = repeat_factors(_WANTED, 0.0225)  # contempt: 1.5 times
    rng = np.random.default_rng(0)
    orders = [epoch_order(factors, rng) for _ in range(200)]
    counts = [np.bincount(order, minlength=1000) for order in orders]
    assert all(np.all(count[:990] == 1) for count in counts)
    assert {int(c) for count in counts for c in count[990:]} == {1, 2}
    assert np.mean([count[990:].mean() for count in counts]) == pytest.approx(1.5, abs=0.05)
    assert not np.array_equal(orders[0], orders[1])
