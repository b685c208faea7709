"""How often each emotion is expected: the training data's shares, or those of another place.

A network trained on FER+ has learnt how rare disgust, fear and contempt are there, and says them
too seldom where they are less rare. If only the shares differ, Bayes' rule takes the difference
out: each probability times the expected over the learnt share (Saerens et al. 2002).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Manifest
from agent.errors import AgentError
from agent.settings import EmotionSettings

Shares = npt.NDArray[np.float64]


class Prior:
    """Turns probabilities under the learnt shares into those under the expected ones.

    >>> learnt = np.full(8, 1 / 8)
    >>> expected = np.array([1 / 4, *[3 / 28] * 7])
    >>> Prior(learnt, expected).apply(np.full((1, 8), 1 / 8)).round(2)[0, 0]
    np.float32(0.25)
    """

    def __init__(self, learnt: Shares, expected: Shares, strength: float = 1.0) -> None:
        """Both are 8 positive shares; a `strength` below one goes only a part of the way."""
        self._factors = (expected / learnt) ** strength

    def apply(self, probabilities: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
        """N x 8 probabilities (FER+ order); rows sum to one again."""
        weighed = probabilities * self._factors
        return np.asarray(weighed / weighed.sum(axis=1, keepdims=True), np.float32)


def prior_for(settings: EmotionSettings, manifest: Manifest) -> Prior | None:
    """What the settings ask for; None where the model's own probabilities stay as they are.

    Raises `AgentError` for shares that cannot be, and where the model does not tell its own.
    """
    if settings.prior == "training" or settings.prior_strength == 0:
        return None
    if manifest.prior is None:
        raise AgentError(
            f"emotion.prior: the manifest of {manifest.model_id} does not tell the shares that it "
            "learnt (`prior`), so no others can be put in their place; leave it at 'training'"
        )
    learnt = np.array([manifest.prior[name] for name in EMOTIONS])
    if settings.prior == "uniform":
        expected = np.full(len(EMOTIONS), 1 / len(EMOTIONS))
    else:
        expected = _completed(settings.prior, learnt)
    return Prior(learnt, expected, settings.prior_strength)


def _completed(given: Mapping[Any, float], learnt: Shares) -> Shares:
    """The shares given, and what they leave over, split among the others as it was learnt."""
    told: Shares = np.array([given.get(name, np.nan) for name in EMOTIONS])
    missing = np.isnan(told)
    left = 1 - float(np.nansum(told))
    if not missing.any():
        return np.asarray(told / told.sum())
    if left <= 0:
        names = ", ".join(np.array(EMOTIONS)[missing])
        raise AgentError(
            f"emotion.prior: the shares given sum to {1 - left:g} and leave nothing for {names}; "
            "give all eight, or shares that sum to less than 1"
        )
    told[missing] = left * learnt[missing] / learnt[missing].sum()
    return told
