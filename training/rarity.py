"""Rare emotions more often: repeat factor sampling (Gupta et al. 2019, LVIS, section 4.1).

Disgust and contempt are each some half a percent of FER+. A network that follows the votes sees so
few of them that it hardly ever names them, even where most people would.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def repeat_factors(wanted: npt.NDArray[np.float32], rare_share: float) -> npt.NDArray[np.float64]:
    """How often each picture comes in an epoch (N, at least 1), from its target (N x 8).

    A picture whose strongest emotion is the strongest of a share f of all pictures comes
    sqrt(`rare_share` / f) times: turn `rare_share` up where rare emotions are missed too often, at
    the price of seeing them where they are not. Nothing is repeated at 0.

    >>> wanted = np.eye(8, dtype=np.float32)[[0] * 99 + [7]]
    >>> repeat_factors(wanted, 0.04)[[0, 99]].tolist()
    [1.0, 2.0]
    """
    strongest = wanted.argmax(axis=1)
    shares = np.bincount(strongest, minlength=wanted.shape[1]) / max(1, len(wanted))
    return np.asarray(np.maximum(1.0, np.sqrt(rare_share / shares[strongest])), np.float64)


def epoch_order(factors: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Row numbers of one epoch, shuffled; the fraction of a factor is the chance of one more."""
    if np.all(factors == 1):
        return rng.permutation(len(factors))
    times = np.floor(factors + rng.random(len(factors))).astype(np.intp)
    return rng.permutation(np.repeat(np.arange(len(factors)), times))
