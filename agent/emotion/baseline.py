"""What a resting face is misread as, and a bounded correction that takes it out.

Some faces at rest, and some cameras' angles and lights, read as sad or angry. Where a person has
looked neutral for a while, that bias is the mean log odds of each emotion against neutral. Those of
most neutral faces are far below `USUAL`; what lies above is taken off the emotion's log odds, never
more than `LIMIT`, and nothing is ever added. So a face that rests as neutral changes nothing, and
an expression that the model is sure of stays one: odds are divided by 7.4 at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS
from agent.errors import AgentError

USUAL: Final = -2.0
"""Log odds against neutral that a resting face may have; about nine of ten pictures in FER+ that
most annotators call neutral are below it for each emotion but sadness."""
LIMIT: Final = 2.0
"""Most that is taken off a log odds."""
FEWEST: Final = 8
"""Readings that a baseline needs."""
_FLOOR: Final = 1e-4
"""Probabilities below say nothing more."""
_NOISE: Final = 0.02
"""A resting face is not misread as what gets a smaller probability than this."""
_UNSTEADY: Final = 0.3
"""Mean distance (total variation, 0 to 1) of the readings from their mean that is too much."""


class UnsteadyError(AgentError):
    """Readings that are no resting face's, or too few."""


class Baseline:
    """Takes the resting face's bias out of probabilities.

    >>> Baseline({"sadness": 2.0}).apply(np.array([[0.3, 0, 0, 0.7, 0, 0, 0, 0]])).round(2)[0, :4]
    array([0.76, 0.  , 0.  , 0.24], dtype=float32)
    """

    def __init__(self, taken_off: Mapping[str, float]) -> None:
        """What to take off the log odds of each emotion, 0 to `LIMIT`; 0 where none is named.

        Raises `ValueError` for anything else.
        """
        for name, value in taken_off.items():
            if name not in EMOTIONS[1:] or not isfinite(value) or not 0 <= value <= LIMIT:
                raise ValueError(f"{name}: {value} cannot be taken off")
        self.taken_off = {name: float(value) for name, value in taken_off.items() if value}
        self._factors = np.exp([-self.taken_off.get(name, 0.0) for name in EMOTIONS])

    def apply(self, probabilities: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
        """N x 8 probabilities (FER+ order); rows sum to one again."""
        if not self.taken_off:
            return np.asarray(probabilities, np.float32)
        weighed = probabilities * self._factors
        return np.asarray(weighed / weighed.sum(axis=1, keepdims=True), np.float32)


def baseline_of(probabilities: npt.NDArray[np.floating[Any]]) -> Baseline:
    """The baseline of a resting face from N x 8 probabilities, as the model itself gives them.

    Raises `UnsteadyError` where they are fewer than `FEWEST` or differ too much.
    """
    if len(probabilities) < FEWEST:
        raise UnsteadyError(
            f"the face could be read in {len(probabilities)} pictures only, {FEWEST} are needed; "
            "come closer, face the camera, and try again"
        )
    rows = np.asarray(probabilities, np.float64)
    spread = float(np.abs(rows - rows.mean(axis=0)).sum(axis=1).mean() / 2)
    if spread > _UNSTEADY:
        raise UnsteadyError("the expression did not stay the same; keep still and try again")
    logs = np.log(np.maximum(rows, _FLOOR))
    odds = (logs - logs[:, :1]).mean(axis=0)
    above_noise = logs.mean(axis=0) - np.log(_NOISE)
    excess = np.clip(np.minimum(odds - USUAL, above_noise), 0, LIMIT).round(4)
    return Baseline(dict(zip(EMOTIONS[1:], excess[1:].tolist(), strict=True)))
