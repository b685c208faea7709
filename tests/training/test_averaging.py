from __future__ import annotations

import keras
import numpy as np
import pytest

from training.averaging import follower


def a_network(policy: str, value: float) -> keras.Model:
    image = keras.Input((4,))
    outputs = keras.layers.Dense(3, dtype=policy)(image)
    model = keras.Model(image, keras.layers.BatchNormalization(dtype=policy)(outputs))
    model.set_weights([np.full(w.shape, value, np.float32) for w in model.weights])
    return model


def test_the_average_moves_by_the_share_it_does_not_keep() -> None:
    trained, averaged = a_network("mixed_bfloat16", 1.5), a_network("float32", 1.0)
    follow = follower(averaged, trained)

    for keep, expected in ((0.75, 1.125), (0.5, 1.3125), (0.0, 1.5)):
        follow(keep)
        for weight in averaged.get_weights():
            assert weight == pytest.approx(expected)
    for weight in trained.get_weights():
        assert (weight == 1.5).all()
