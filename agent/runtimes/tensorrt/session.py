"""Runs an engine: a batch to the GPU, the network over it, and the answers back."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from agent.errors import ModelError
from agent.runtimes.tensorrt.building import LARGEST_BATCH
from agent.runtimes.tensorrt.cuda import Buffer, Cuda, Stream

Values = npt.NDArray[np.float32]


class Tensor(NamedTuple):
    """An end of the engine."""

    name: str
    shape: tuple[int, ...]
    """The batch first; -1 where any is allowed."""
    is_float: bool


class _Context(Protocol):
    """An engine about to run, as a release of TensorRT wants to be asked."""

    inputs: list[Tensor]
    outputs: list[Tensor]

    def launch(self, shape: tuple[int, ...], source: Buffer, target: Buffer, at: Stream) -> bool:
        """Queue a run from one input to one output; false where TensorRT refuses."""
        ...


class _NamedContext:
    """TensorRT since 8.5: an end goes by its name."""

    def __init__(self, trt: Any, engine: Any) -> None:
        self._context = engine.create_execution_context()
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        for index in range(engine.num_io_tensors):
            name = engine.get_tensor_name(index)
            shape = tuple(engine.get_tensor_shape(name))
            tensor = Tensor(name, shape, engine.get_tensor_dtype(name) == trt.DataType.FLOAT)
            is_input = engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            (self.inputs if is_input else self.outputs).append(tensor)

    def launch(self, shape: tuple[int, ...], source: Buffer, target: Buffer, at: Stream) -> bool:
        context = self._context
        name = self.inputs[0].name
        return bool(
            context.set_input_shape(name, shape)
            and context.set_tensor_address(name, source.address)
            and context.set_tensor_address(self.outputs[0].name, target.address)
            and context.execute_async_v3(at.handle)
        )


class _NumberedContext:
    """TensorRT before 8.5: an end goes by its number."""

    def __init__(self, trt: Any, engine: Any) -> None:
        self._context = engine.create_execution_context()
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self._inputs_first = engine.binding_is_input(0)
        for index in range(engine.num_bindings):
            name, shape = engine.get_binding_name(index), tuple(engine.get_binding_shape(index))
            tensor = Tensor(name, shape, engine.get_binding_dtype(index) == trt.DataType.FLOAT)
            (self.inputs if engine.binding_is_input(index) else self.outputs).append(tensor)

    def launch(self, shape: tuple[int, ...], source: Buffer, target: Buffer, at: Stream) -> bool:
        addresses = [source.address, target.address]
        if not self._inputs_first:
            addresses.reverse()
        number = 0 if self._inputs_first else 1
        return bool(
            self._context.set_binding_shape(number, shape)
            and self._context.execute_async_v2(addresses, at.handle)
        )


class Session:
    """An engine with its memory on the GPU; belongs to one thread at a time."""

    def __init__(self, trt: Any, engine: Any, cuda: Cuda, listener: Any) -> None:
        """Take the memory that the largest batch needs.

        Raises `ModelError` where the GPU has no memory left, and for an engine whose ends are not
        one float32 tensor each.
        """
        kind = _NamedContext if hasattr(engine, "num_io_tensors") else _NumberedContext
        context: _Context = kind(trt, engine)
        inputs, outputs = context.inputs, context.outputs
        if not (len(inputs) == len(outputs) == 1 and inputs[0].is_float and outputs[0].is_float):
            raise ModelError("the engine's input and output are not one float32 tensor each")
        self._listener = listener
        self.input, self.output = inputs[0], outputs[0]
        batch = self.input.shape[0]
        self.free_batch = batch == -1
        """Whether a run may hold fewer pictures than `batch`."""
        self.batch = LARGEST_BATCH if self.free_batch else batch
        """Most pictures of one run."""
        with ExitStack() as opened:
            self._stream = opened.enter_context(closing(cuda.stream()))
            self._source = opened.enter_context(closing(cuda.buffer(self._bytes(self.input))))
            self._target = opened.enter_context(closing(cuda.buffer(self._bytes(self.output))))
            self._opened = opened.pop_all()
        self._context: _Context | None = context

    def _bytes(self, tensor: Tensor) -> int:
        return int(np.prod(tensor.shape[1:])) * self.batch * np.dtype(np.float32).itemsize

    def run(self, inputs: Values) -> Values:
        """The network's outputs for at most `batch` inputs; exactly so many where it is not free.

        Raises `ModelError` for what fails on the GPU.
        """
        if self._context is None:
            raise RuntimeError("run was called after close")
        given = np.ascontiguousarray(inputs, np.float32)
        outputs = np.empty((len(given), *self.output.shape[1:]), np.float32)
        self._source.write(given, self._stream)
        if not self._context.launch(given.shape, self._source, self._target, self._stream):
            reason = self._listener.told()
            raise ModelError(f"TensorRT cannot run a batch of {len(given)}: {reason}")
        self._target.read(outputs, self._stream)
        self._stream.wait()
        return outputs

    def close(self) -> None:
        """Give memory and engine back; calling it again does nothing."""
        self._context = None
        self._opened.close()
