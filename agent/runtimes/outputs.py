"""From what a network gives to what the agent believes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Manifest
from agent.errors import ModelError

_TINY = 1e-12  # keeps the logarithm of a probability of zero finite


def calibrated(
    outputs: npt.NDArray[np.floating[Any]],
    kind: Literal["logits", "probabilities"],
    temperature: float,
) -> npt.NDArray[np.float32]:
    """Probabilities (N x classes, rows sum to one) by temperature scaling (Guo et al. 2017).

    Logits are divided by the temperature before the softmax; probabilities go back to logits
    first, so that at a temperature of one they stay what they are.
    """
    values = outputs.astype(np.float64)
    if kind == "probabilities":
        values = np.log(np.maximum(values, _TINY))
    if not values.size:
        return np.zeros(values.shape, np.float32)
    scaled = (values - values.max(axis=1, keepdims=True)) / temperature
    powers = np.exp(scaled)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def require_shapes(
    path: Path, manifest: Manifest, shapes: Sequence[Sequence[int | str | None]]
) -> None:
    """Raise `ModelError` unless a network's inputs and outputs, in that order, are what the
    manifest says: N x side x side x 1 and N x 8. The first number is the engine's own matter.
    """
    side = manifest.input.side
    found = [tuple(shape[1:]) for shape in shapes]
    if found != [(side, side, 1), (len(EMOTIONS),)]:
        told = ", ".join("N x " + " x ".join(map(str, shape)) for shape in found)
        raise ModelError(
            f"{path}: inputs and outputs are {told}; "
            f"expected N x {side} x {side} x 1 and N x {len(EMOTIONS)}"
        )
