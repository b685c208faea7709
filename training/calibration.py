"""Temperature scaling: makes a trained network's confidence mean what it says (Guo et al. 2017).

Logits are divided by one number, the temperature, before the softmax. It changes no answer, only
how sure the answers sound, so it is fitted after training, on the validation part.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.runtimes.outputs import calibrated

RANGE: Final = (0.05, 20.0)
"""Temperatures searched; logits that are always right would ask for zero, chance for infinity."""

Logits = npt.NDArray[np.floating[Any]]


def fit_temperature(logits: Logits, targets: npt.NDArray[Any]) -> float:
    """The temperature with the least cross-entropy between the targets and the softmax.

    `targets` are N class numbers or N x classes distributions. The project fits on the majority
    labels of the validation part, although it trains on votes: the calibration error asks how
    often the answer is the majority's, and that is what an event's confidence should tell.

    The slope of the cross-entropy over 1 / temperature, mean of E_softmax[z] - E_target[z], rises
    all the way, so halving an interval finds its only zero. The result lies within `RANGE`.
    Raises `ValueError` where the shapes do not fit or there is nothing to fit.
    """
    given = np.asarray(logits, np.float64)
    wanted = _distributions(np.asarray(targets), given)
    aim = (wanted * given).sum(axis=1).mean()
    low, high = np.log(RANGE[0]), np.log(RANGE[1])
    for _ in range(50):
        middle = (low + high) / 2
        reached = (calibrated(given, "logits", float(np.exp(middle))) * given).sum(axis=1).mean()
        # A softmax that favours its top logits more than the targets do is too sure: go hotter.
        low, high = (middle, high) if reached > aim else (low, middle)
    return float(np.exp((low + high) / 2))


def _distributions(
    targets: npt.NDArray[Any], logits: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    if logits.ndim != 2 or not len(logits):
        raise ValueError(f"logits must be N x classes with N at least 1, got {logits.shape}")
    if targets.shape == logits.shape:
        return targets.astype(np.float64)
    if targets.shape != logits.shape[:1]:
        raise ValueError(f"targets {targets.shape} do not fit logits {logits.shape}")
    return np.eye(logits.shape[1])[targets.astype(np.intp)]
