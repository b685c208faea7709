"""From what a network gives to what the agent believes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS
from agent.errors import ModelError

if TYPE_CHECKING:
    from agent.emotion.manifest import Manifest

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


def answers(outputs: npt.NDArray[np.floating[Any]], manifest: Manifest) -> npt.NDArray[np.float32]:
    """What a network gives (N x its labels) as calibrated probabilities, N x 8 in FER+ order."""
    known = calibrated(outputs, manifest.output, manifest.temperature)
    return in_ferplus_order(known, manifest.labels)


def in_ferplus_order(
    probabilities: npt.NDArray[np.float32], labels: Sequence[str]
) -> npt.NDArray[np.float32]:
    """Columns moved to where FER+ has their label; the label that is missing gets zero."""
    if tuple(labels) == EMOTIONS:
        return probabilities
    whole = np.zeros((len(probabilities), len(EMOTIONS)), np.float32)
    whole[:, [EMOTIONS.index(label) for label in labels]] = probabilities
    return whole


def require_shapes(
    path: Path, manifest: Manifest, shapes: Sequence[Sequence[int | str | None]]
) -> None:
    """Raise `ModelError` unless a network's inputs and outputs, in that order, are what the
    manifest says, N x side x side x 1 and N x 8 for most. The first number is the engine's own
    matter.
    """
    expected = [manifest.input.shape, (len(manifest.labels),)]
    found = [tuple(shape[1:]) for shape in shapes]
    if found != expected:
        told, wanted = (
            ["N x " + " x ".join(map(str, shape)) for shape in ends] for ends in (found, expected)
        )
        raise ModelError(
            f"{path}: inputs and outputs are {', '.join(told)}; expected {' and '.join(wanted)}"
        )
