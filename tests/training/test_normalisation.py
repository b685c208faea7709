from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from training.networks import build
from training.normalisation import FusedBatchNormalization, with_fused_normalisation

Trained = Callable[[keras.Model], list[Any]]


@pytest.fixture
def trained() -> Trained:
    """What three steps leave of a network's weights."""
    rng = np.random.default_rng(5)
    inputs = rng.normal(2, 3, (24, 6, 6, 16)).astype(np.float32)
    wanted = rng.random((24, 16), np.float32)

    def train(model: keras.Model) -> list[Any]:
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
        for _ in range(3):
            model.train_on_batch(inputs, wanted)
        return list(model.get_weights())

    return train


def test_the_fused_kernel_trains_to_the_same_weights(trained: Trained) -> None:
    image = keras.Input((6, 6, 16))
    x = layers.Conv2D(16, 3, kernel_initializer=keras.initializers.HeNormal(seed=1))(image)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(layers.BatchNormalization()(x)))
    plain = keras.Model(image, x)
    fused = with_fused_normalisation(plain)

    assert any(type(layer) is FusedBatchNormalization for layer in fused.layers)
    for one, other in zip(trained(fused), trained(plain), strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-5)


def test_only_what_gains_is_fused_and_the_weights_are_taken_over() -> None:
    image = keras.Input((6, 6, 8))
    narrow = keras.Model(image, layers.BatchNormalization()(image))
    assert with_fused_normalisation(narrow) is narrow

    plain = build("fer-tiny")
    fused = with_fused_normalisation(plain)
    assert fused.name == "fer-tiny"
    assert [w.path for w in fused.weights] == [w.path for w in plain.weights]
    for one, other in zip(fused.get_weights(), plain.get_weights(), strict=True):
        assert (one == other).all()
