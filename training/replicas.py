"""Several devices of this machine, or those of several hosts, as TensorFlow distributes training.

Every device gets an equal share of each batch, and gradients and batch statistics are taken over
the whole of it, so the result is that of one device within rounding and dropout's draws
(MirroredStrategy and MultiWorkerMirroredStrategy).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from agent.quiet import output_hidden
from training.devices import Array, OneDevice, worker_of
from training.errors import TrainingError


class Replicas(OneDevice):
    """Copies of the network, one on each device, kept the same by TensorFlow."""

    def __init__(self, strategy: Any, chief: bool = True) -> None:
        self.chief = chief
        self.count = int(strategy.num_replicas_in_sync)
        self._strategy = strategy
        self._step: Any = None

    def scope(self) -> AbstractContextManager[Any]:
        scope: AbstractContextManager[Any] = self._strategy.scope()
        return scope

    def prepare(self, model: keras.Model) -> None:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True  # over the whole batch, not a device's share of it

        def step(inputs: Any, expected: Any) -> None:
            self._strategy.run(model.train_step, args=((inputs, expected),))

        self._step = tf.function(step)

    def step(self, model: keras.Model, inputs: Array, expected: Array) -> float:
        self._step(self._shared_out(inputs), self._shared_out(expected))
        loss = float(model.get_metrics_result()["loss"])
        model.reset_metrics()
        return loss

    def on_chief(self, action: Callable[[], object]) -> None:
        refusal: TrainingError | OSError | None = None
        if self.chief:
            try:
                action()
            except (TrainingError, OSError) as error:
                refusal = error
        (accepted,) = self.from_chief([np.array(refusal is None, np.float64)])
        if refusal is not None:
            raise refusal
        if not accepted:
            raise TrainingError("the first worker refused the run; its own message says why")

    def require_same(self, number: int, what: str) -> None:
        if self._sum(np.array([number], np.float64))[0] != self.count * float(number):
            raise TrainingError(f"the workers were not all started with the same {what}")

    def from_chief(self, values: Sequence[Array]) -> list[Array]:
        # float64 holds every float32, counter and random state exactly, and travels at once.
        flat = np.concatenate([np.ravel(value).astype(np.float64) for value in values])
        total = self._sum(flat if self.chief else np.zeros_like(flat), first_only=True)
        pieces = np.split(total, np.cumsum([np.size(value) for value in values])[:-1])
        return [
            piece.reshape(np.shape(value)).astype(value.dtype)
            for piece, value in zip(pieces, values, strict=True)
        ]

    def _shared_out(self, batch: Array) -> Any:
        """A batch in equal shares, this process's on its own devices."""
        shares = np.split(batch, self.count)
        return self._on_each(lambda number: shares[number])

    def _sum(self, values: Array, first_only: bool = False) -> Array:
        """Sum over the devices of all workers; with `first_only` the others count as zeros."""
        each = self._on_each(
            lambda number: np.zeros_like(values) if first_only and number else values
        )
        return np.asarray(self._strategy.reduce("SUM", each, axis=None))

    def _on_each(self, value: Callable[[int], Array]) -> Any:
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(value(int(context.replica_id_in_sync_group)))
        )


@contextmanager
def open_devices(
    devices: str = "auto", workers: Sequence[str] = (), worker: int = 0
) -> Iterator[OneDevice]:
    """The devices by their name: `auto`, `cpu:N`, `gpu:N` or `gpu:all`.

    `auto` takes all GPUs where there are several. `workers` are the `host:port` of all hosts, the
    chief's first, and `worker` is this one's place among them; without them, the workers of
    `TF_CONFIG` count, where that is set. Call it before TensorFlow has computed anything. Raises
    `TrainingError`, also for what goes wrong later on another worker.
    """
    if workers:
        cluster = {"cluster": {"worker": list(workers)}}
        os.environ["TF_CONFIG"] = json.dumps(
            cluster | {"task": {"type": "worker", "index": worker}}
        )
    place = worker_of(os.environ.get("TF_CONFIG", ""))
    try:
        if place is None:
            yield _of_this_machine(devices)
        elif devices != "auto":
            raise TrainingError("workers use their GPUs, or else their CPU: leave --devices out")
        else:
            with output_hidden():
                strategy = tf.distribute.MultiWorkerMirroredStrategy()
            yield Replicas(strategy, chief=place == 0)
    except tf.errors.OpError as error:
        reason = str(error.message).strip().partition("\n")[0]
        if place is None:
            raise TrainingError(f"TensorFlow failed: {reason}") from None
        raise TrainingError(
            "the workers have lost each other: start all of them again, they go on after the "
            "last epoch kept"
        ) from None


def _of_this_machine(devices: str) -> OneDevice:
    kind, _, wanted = devices.partition(":")
    found = tf.config.list_physical_devices("GPU")
    if devices == "auto":
        count = len(found)
        kind = "gpu"
    elif kind == "cpu":
        count = int(wanted)
        _split_cpu(count)
    else:
        count = len(found) if wanted == "all" else int(wanted)
        if not found or count > len(found):
            raise TrainingError(f"--devices {devices}: TensorFlow sees {len(found)} GPUs here")
    if count <= 1 and kind == "gpu":
        return OneDevice()
    return Replicas(tf.distribute.MirroredStrategy([f"{kind}:{n}" for n in range(count)]))


def _split_cpu(count: int) -> None:
    """Have TensorFlow see one CPU as several devices."""
    (cpu, *_) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    try:
        tf.config.set_logical_device_configuration(cpu, parts)
    except RuntimeError:
        raise TrainingError("the CPU cannot be split: TensorFlow has been used already") from None
