"""The seam to every format that a model is converted to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from agent.emotion.manifest import Manifest, Precision
from agent.emotion.preprocess import Preprocessing
from agent.runtimes.runtime import EmotionRuntime


@dataclass(frozen=True)
class Artifact:
    """One file that a target has made."""

    file: str
    """Its name inside the folder that it was written to."""
    runtime: str
    precision: Precision


@dataclass(frozen=True)
class Task:
    """What every target converts."""

    model: Any
    """A Keras model from N x side x side x 1 float32 to N x 8 logits, as `fold` makes it."""
    preprocessing: Preprocessing
    calibration: npt.NDArray[np.uint8]
    """N x side x side crops to find the range of every tensor with; black and white occur."""


class Target(Protocol):
    """A file format, and the runtime that the agent runs it on."""

    name: str
    """As `--to` takes it."""

    def convert(self, task: Task, folder: Path) -> list[Artifact]:
        """Write the model's files into the folder; raises `ModelError` where that cannot be."""
        ...

    def open(self, manifest: Manifest, folder: Path, precision: Precision) -> EmotionRuntime:
        """The runtime that serves such a file in the agent, for the parity check."""
        ...
