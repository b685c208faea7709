"""Where a network is trained: one device, several of this machine, or those of several hosts.

One device is served by any backend of Keras; `replicas` has several, by TensorFlow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy.typing as npt

from training.errors import TrainingError

Array = npt.NDArray[Any]


class OneDevice:
    """Whichever device the backend prefers."""

    count = 1
    """Devices that share a batch."""
    chief = True
    """Whether this process keeps the run's folder: the first worker does, or the only one."""

    def scope(self) -> AbstractContextManager[Any]:
        """In here the network and its optimizer are made."""
        return nullcontext()

    def prepare(self, model: keras.Model) -> None:
        """Make a compiled network ready for `step`."""

    def step(self, model: keras.Model, inputs: Array, expected: Array) -> float:
        """Train on one batch and return its mean loss."""
        loss = float(model.train_on_batch(inputs, expected))
        # train_on_batch reports its own running mean: reset it to see this batch alone.
        model.reset_metrics()
        return loss

    def on_chief(self, action: Callable[[], object]) -> None:
        """Have the chief alone do something; where it is refused there, no worker goes on."""
        action()

    def require_same(self, number: int, what: str) -> None:
        """Refuse workers that were not all started with the same `what`."""

    def from_chief(self, values: Sequence[Array]) -> list[Array]:
        """The chief's values, of the same shapes on every worker."""
        return list(values)


def worker_of(config: str) -> int | None:
    """Place of this process among the workers of `TF_CONFIG`; `None` if there is no other."""
    if not config:
        return None
    try:
        described = json.loads(config)
        workers = described.get("cluster", {}).get("worker", [])
        place = int(described["task"]["index"]) if len(workers) > 1 else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"TF_CONFIG: not a description of workers ({error!r})") from None
    return place
