"""Batch normalisation in one kernel, for training on TensorFlow alone.

Keras computes it from a dozen elementwise operations, each of which walks through all activations:
on two CPU cores they took half of a step. TensorFlow's fused kernel gives the same numbers.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers


class FusedBatchNormalization(layers.BatchNormalization):  # type: ignore[misc]  # Keras ships no types
    """`BatchNormalization` over the last axis, with the same weights in the same order.

    Only a network in training is built of it; what is kept has Keras's own layer. Of several
    devices, each would have the statistics of its share, so there Keras's way is taken.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not training or self.synchronized:
            return super().call(inputs, training=training, mask=mask)
        scale, offset = (tf.convert_to_tensor(v.value, tf.float32) for v in (self.gamma, self.beta))
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            tf.cast(inputs, self.compute_dtype),
            scale,
            offset,
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel's variance is the sample's (n - 1), Keras's the population's (n).
        count = tf.cast(tf.size(inputs) / tf.size(mean), tf.float32)
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance * (count - 1) / count)
        return outputs

    def _move(self, average: Any, value: Any) -> None:
        average.assign(average * self.momentum + value * (1 - self.momentum))


def with_fused_normalisation(model: keras.Model) -> keras.Model:
    """The network for training: the same layers and weights, fused where that is faster.

    Returns the model itself where nothing gains by it.
    """
    if not any(map(_gains, model.layers)):
        return model
    fused = keras.models.clone_model(model, clone_function=_fused)
    fused.set_weights(model.get_weights())
    return fused


def _gains(layer: layers.Layer) -> bool:
    # The kernel works on vectors; other numbers of channels make it slower than Keras's way.
    return type(layer) is layers.BatchNormalization and layer.input.shape[-1] % 16 == 0


def _fused(layer: layers.Layer) -> layers.Layer:
    made = FusedBatchNormalization if _gains(layer) else type(layer)
    return made.from_config(layer.get_config())
