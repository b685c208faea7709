"""Where a face will be: a Kalman filter with constant velocity over centre and size.

The noise is white in the acceleration (Bar-Shalom, Li and Kirubarajan 2001, section 6.2.2), so
frames may come at any rate. All lengths are taken in units of the face's own size, as in Wojke et
al. 2017 (DeepSORT): then one 2 x 2 covariance serves all four coordinates, near faces and far.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from agent.types import Box

# In face sizes: how far a detector's box jumps about (measured on films: 0.002 for near faces to
# 0.05 for ones of 20 pixels), how fast a new face may move already, and how much a head's velocity
# changes within a second. With more of it, noise swaps the numbers of two faces that cross.
_BOX_NOISE: Final = 0.03
_FIRST_SPEED: Final = 2.0
_RESTLESSNESS: Final = 0.7

_SMALLEST: Final = 1.0  # pixels; a shrinking box does not turn inside out


class Motion:
    """The filtered centre and size of one face."""

    def __init__(self, box: Box) -> None:
        self._state = np.zeros((2, 4))  # rows: value, velocity; columns: x, y, width, height
        self._state[0] = _measured(box)
        self._covariance = np.diag([_BOX_NOISE**2, _FIRST_SPEED**2])

    @property
    def box(self) -> Box:
        x, y, width, height = self._state[0].tolist()
        width, height = max(width, _SMALLEST), max(height, _SMALLEST)
        return Box(x - width / 2, y - height / 2, width, height)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        noise = _RESTLESSNESS**2 * seconds
        self._state[0] += seconds * self._state[1]
        # F P F' + Q, written out: F moves the value on by its velocity.
        (value, both), (_, velocity) = self._covariance.tolist()
        moved = both + seconds * velocity
        self._covariance[0, 0] = value + seconds * (both + moved) + noise * seconds**2 / 3
        self._covariance[0, 1] = self._covariance[1, 0] = moved + noise * seconds / 2
        self._covariance[1, 1] = velocity + noise

    def correct(self, box: Box) -> None:
        """Take in a detection of the face."""
        variance = self._covariance[0, 0] + _BOX_NOISE**2
        gain = self._covariance[:, 0] / variance
        self._state += np.outer(gain, _measured(box) - self._state[0])
        self._covariance -= np.outer(gain, self._covariance[0])


def _measured(box: Box) -> npt.NDArray[np.float64]:
    return np.array([*box.centre, box.width, box.height])
