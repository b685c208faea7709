from __future__ import annotations

import numpy as np
import pytest

from training.backend import load_keras
from training.targets import MODES, Mode

load_keras()

from training.losses import epoch_targets, loss_for  # noqa: E402  # Keras is loaded quietly first

LOGITS = np.log(np.array([[0.5, 0.2, 0.1, 0.05, 0.05, 0.05, 0.03, 0.02]], np.float32))


def loss(mode: Mode, target: list[float]) -> float:
    wanted = np.array([target], np.float32)
    return float(loss_for(mode)(wanted, LOGITS + 3))  # logits are free up to a constant


@pytest.mark.parametrize("mode", ["majority", "probability", "crossentropy"])
def test_crossentropy_of_one_label(mode: Mode) -> None:
    assert loss(mode, [0, 1, 0, 0, 0, 0, 0, 0]) == pytest.approx(-np.log(0.2), rel=1e-5)


def test_crossentropy_of_a_distribution() -> None:
    expected = -(0.75 * np.log(0.5) + 0.25 * np.log(0.1))
    found = loss("crossentropy", [0.75, 0, 0.25, 0, 0, 0, 0, 0])
    assert found == pytest.approx(expected, rel=1e-5)


def test_multi_target_asks_only_for_the_likeliest_present_emotion() -> None:
    target = [0, 0.6, 0.4, 0, 0, 0, 0, 0]
    assert loss("multi_target", target) == pytest.approx(-np.log(0.2), rel=1e-5)


def test_multi_target_pays_no_heed_to_how_many_votes_an_emotion_has() -> None:
    assert loss("multi_target", [0, 0.3, 0.7, 0, 0, 0, 0, 0]) == pytest.approx(
        loss("multi_target", [0, 0.6, 0.4, 0, 0, 0, 0, 0])
    )


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "probability"])
def test_targets_stay_the_same_over_epochs_unless_labels_are_drawn(mode: Mode) -> None:
    targets = np.array([[0.5, 0.5, 0, 0, 0, 0, 0, 0]], np.float32)
    assert epoch_targets(targets, mode, np.random.default_rng(0)) is targets


def test_drawn_labels_are_one_hot_and_follow_the_distribution() -> None:
    targets = np.tile(np.array([0.7, 0, 0.3, 0, 0, 0, 0, 0], np.float32), (5000, 1))
    drawn = epoch_targets(targets, "probability", np.random.default_rng(0))
    assert drawn.dtype == np.float32
    assert set(np.unique(drawn)) == {0, 1}
    assert (drawn.sum(axis=1) == 1).all()
    assert drawn.mean(axis=0) == pytest.approx(targets[0], abs=0.02)
    assert drawn[:, [1, 3, 4, 5, 6, 7]].sum() == 0


def test_labels_are_drawn_afresh_but_by_the_seed() -> None:
    targets = np.full((200, 8), 0.125, np.float32)
    first, second = (
        epoch_targets(targets, "probability", np.random.default_rng([0, epoch])) for epoch in (0, 1)
    )
    again = epoch_targets(targets, "probability", np.random.default_rng([0, 0]))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)
