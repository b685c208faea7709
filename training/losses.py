"""The losses of the four target modes (Barsoum et al. 2016, section 3), on logits."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from training.targets import Mode


def loss_for(mode: Mode) -> keras.losses.Loss:
    """Cross-entropy for every mode but `multi_target`."""
    if mode == "multi_target":
        return MultiTarget()
    return keras.losses.CategoricalCrossentropy(from_logits=True, name="crossentropy")


class MultiTarget(keras.losses.Loss):  # type: ignore[misc]  # Keras ships no types
    """Any emotion that is present counts as right: the likeliest of them carries the loss (ML)."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        log_p = keras.ops.log_softmax(y_pred)
        absent = keras.ops.cast(keras.ops.equal(y_true, 0), log_p.dtype)
        return -keras.ops.max(log_p - 1e4 * absent, axis=-1)


def epoch_targets(
    targets: npt.NDArray[np.float32], mode: Mode, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """What one epoch trains on: for `probability` a label drawn afresh for each picture (PLD)."""
    if mode != "probability":
        return targets
    drawn = (targets.cumsum(axis=1) < rng.random((len(targets), 1))).sum(axis=1)
    last = targets.shape[1] - 1
    one_hot = np.eye(last + 1, dtype=np.float32)[np.minimum(drawn, last)]
    return np.asarray(one_hot, np.float32)
