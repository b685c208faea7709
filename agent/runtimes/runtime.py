"""The seam to every engine that runs the expression model."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from agent.status import RemoteReading


class EmotionRuntime(Protocol):
    """Reads the expressions of a batch of crops."""

    kind: str
    """The name in the settings (`tflite`, ...)."""
    model: str
    """`name@version` of the model it runs."""

    def predict(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Calibrated probabilities (N x 8, FER+ order, rows sum to one) of N x side x side grey
        crops; N may be 0. Raises `ValueError` for any other shape or type.
        """
        ...

    def close(self) -> None:
        """Give back what the engine holds; further calls of `predict` are an error."""
        ...


@runtime_checkable
class Remote(Protocol):
    """A runtime that has model servers read for it."""

    def remote(self) -> RemoteReading:
        """Who has read the frames so far; any thread may ask."""
        ...
