"""What training does differently on each backend of Keras: the one place that asks which it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

import keras

from training.devices import OneDevice, worker_of
from training.errors import TrainingError


class Engine:
    """A backend that trains by Keras's own means, on the one device that it prefers."""

    jit_compile = False
    """Whether Keras compiles the step of a network by XLA."""

    def __init__(self, name: str) -> None:
        self.name = name
        """As `KERAS_BACKEND` has it."""

    def for_training(self, model: keras.Model) -> keras.Model:
        """The same layers and weights, in the way that trains fastest."""
        return model

    def compiled(self, function: Callable[..., None]) -> Callable[..., None]:
        """The same function of tensors and variables, in one call where that is faster."""
        return function

    def open_devices(
        self,
        devices: str,
        workers: Sequence[str],
        worker: int,  # noqa: ARG002  # nothing here, where all workers are refused
    ) -> AbstractContextManager[OneDevice]:
        """As `training.replicas.open_devices`; refuses all but the one device."""
        several = devices != "auto" or workers
        if several or worker_of(os.environ.get("TF_CONFIG", "")) is not None:
            flag = "--workers" if workers else f"--devices {devices}" if several else "TF_CONFIG"
            raise self._refusal(flag)
        return nullcontext(OneDevice())

    def curves(self, folder: Path) -> Callable[[int, float], None]:  # noqa: ARG002  # as above
        """What keeps the curves of the run in the folder for TensorBoard."""
        raise self._refusal("--tensorboard")

    def _refusal(self, flag: str) -> TrainingError:
        return TrainingError(
            f"{flag}: only TensorFlow does that, and KERAS_BACKEND is {self.name}; "
            "do without one or the other"
        )


class TensorFlow(Engine):
    """What the other modules have of TensorFlow's own."""

    def for_training(self, model: keras.Model) -> keras.Model:
        from training.normalisation import with_fused_normalisation  # noqa: PLC0415

        return with_fused_normalisation(model)

    def compiled(self, function: Callable[..., None]) -> Callable[..., None]:
        import tensorflow as tf  # noqa: PLC0415  # never loaded on another backend

        graph: Callable[..., None] = tf.function(function)
        return graph

    def open_devices(
        self, devices: str, workers: Sequence[str], worker: int
    ) -> AbstractContextManager[OneDevice]:
        from training.replicas import open_devices  # noqa: PLC0415

        return open_devices(devices, workers, worker)

    def curves(self, folder: Path) -> Callable[[int, float], None]:
        from training.tensorboard import Curves  # noqa: PLC0415

        return Curves(folder)


class Jax(Engine):
    """Without compiling, JAX would compute one operation at a time, at half the speed."""

    jit_compile = True


_ENGINES: Final[dict[str, type[Engine]]] = {"tensorflow": TensorFlow, "jax": Jax, "torch": Engine}


def engine() -> Engine:
    """The one that Keras has been loaded with."""
    name: str = keras.backend.backend()
    return _ENGINES[name](name)
