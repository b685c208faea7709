"""The seam to every format that a model is converted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_args

import numpy as np
import numpy.typing as npt

from agent.emotion.manifest import DeviceOptimizer, Manifest, Precision
from agent.emotion.preprocess import Preprocessing
from agent.runtimes.runtime import EmotionRuntime


@dataclass(frozen=True)
class Artifact:
    """One file that a target has made."""

    file: str
    """Its name inside the folder that it was written to."""
    runtime: str
    precision: Precision
    parts: tuple[str, ...] = ()
    """Names of the files that the engine loads along with it."""
    optimizer: DeviceOptimizer | None = None
    """For DeepLens only."""


@dataclass(frozen=True)
class Skipped:
    """A file that this machine cannot make."""

    what: str
    """The target's name, and the precision where others of it can be made: `tensorrt int8`."""
    reason: str
    """What is missing, as in `needs an NVIDIA GPU`."""


@dataclass(frozen=True)
class Task:
    """What every target converts."""

    model: Any
    """A Keras model from N x side x side x 1 float32 to N x 8 logits, as `fold` makes it."""
    preprocessing: Preprocessing
    calibration: npt.NDArray[np.uint8]
    """N x side x side crops to find the range of every tensor with; black and white occur."""
    work: Path
    """A folder for files that several targets start from; it goes when the conversion ends."""
    wanted: tuple[Precision, ...] = get_args(Precision)
    """Precisions to make. A target may make others as well; they are thrown away."""
    temperature: float = 1.0
    """What the agent divides the logits by, for files that give calibrated probabilities."""


class Target(Protocol):
    """A file format, and the runtime that the agent runs it on."""

    name: str
    """As `--to` takes it."""

    def convert(self, task: Task, folder: Path) -> Sequence[Artifact | Skipped]:
        """Write the model's files into the folder, or say why this machine cannot.

        Raises `ModelError` for a model that cannot be converted. A package that is not installed
        may raise its own `ModuleNotFoundError`; the target counts as skipped then.
        """
        ...

    def open(self, manifest: Manifest, folder: Path, precision: Precision) -> EmotionRuntime:
        """The runtime that serves such a file in the agent, for the parity check."""
        ...
