"""Stands for NVIDIA's `tensorrt` module where there is none, in the shape of each release.

Which names a release has is not decided here but in `api.json`, which was recorded from NVIDIA's
own bindings: what a release does not have is taken away. What the methods do is only modelled, on
what the documentation says; the answers are real and come from ONNX Runtime on the CPU. It shows
that the runtime asks each release for what it has. It cannot show that a GPU calculates well.
"""

from __future__ import annotations

import ctypes
import enum
import json
from itertools import count
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime

API: Final[dict[str, dict[str, list[str]]]] = json.loads(
    Path(__file__).with_name("api.json").read_text()
)
VERSIONS: Final = sorted(API, key=lambda version: [int(part) for part in version.split(".")])

_DYNAMIC: Final = "no optimization profile has been defined for the dynamic input"
_NO_SCALES: Final = "calibration failure occurred with no scaling factors detected"

Shape = tuple[int, ...]


class ILogger:
    class Severity(enum.Enum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2
        INFO = 3
        VERBOSE = 4

    def log(self, severity: Any, message: str) -> None:
        raise NotImplementedError


def _error(logger: ILogger, message: str) -> None:
    logger.log(ILogger.Severity.ERROR, message)


class ITensor:
    def __init__(self, value: Any) -> None:
        self.name = value.name
        dims = value.type.tensor_type.shape.dim
        self.shape = tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in dims)
        self.dtype = value.type.tensor_type.elem_type


class INetworkDefinition:
    def __init__(self, flags: int) -> None:
        self._flags = flags
        self._model: Any = None

    @property
    def num_inputs(self) -> int:
        return len(self._model.graph.input)

    @property
    def num_outputs(self) -> int:
        return len(self._model.graph.output)

    def get_input(self, index: int) -> ITensor:
        return ITensor(self._model.graph.input[index])


class ParserError:
    def __init__(self, text: str) -> None:
        self._text = text

    def desc(self) -> str:
        return self._text


class OnnxParser:
    def __init__(self, network: INetworkDefinition, logger: ILogger) -> None:
        self._network = network
        self._logger = logger
        self._errors: list[ParserError] = []

    def parse(self, model: bytes) -> bool:
        try:
            self._network._model = onnx.load_from_string(model)
            onnx.checker.check_model(self._network._model, full_check=True)
        except Exception as error:
            self._errors.append(ParserError(str(error)))
            return False
        return True

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        return self._errors[index]


class IOptimizationProfile:
    def __init__(self) -> None:
        self._shapes: dict[str, tuple[Shape, Shape, Shape]] = {}

    def set_shape(self, name: str, smallest: Shape, usual: Shape, largest: Shape) -> None:
        self._shapes[name] = smallest, usual, largest


class IBuilderConfig:
    def __init__(self) -> None:
        self._switches = {"TF32"}
        self._pools: dict[str, int] = {}
        self._profiles: list[IOptimizationProfile] = []

    @property
    def max_workspace_size(self) -> int:
        return self._pools.get("WORKSPACE", 0)

    @max_workspace_size.setter
    def max_workspace_size(self, size: int) -> None:
        self._pools["WORKSPACE"] = size

    def set_flag(self, flag: enum.Enum) -> None:
        self._switches.add(flag.name)

    def clear_flag(self, flag: enum.Enum) -> None:
        self._switches.discard(flag.name)

    def set_memory_pool_limit(self, pool: enum.Enum, size: int) -> None:
        self._pools[pool.name] = size

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        self._profiles.append(profile)
        return len(self._profiles) - 1


class Builder:
    _module: Any
    _fast_int8 = True

    def __init__(self, logger: ILogger) -> None:
        self._logger = logger

    @property
    def platform_has_fast_int8(self) -> bool:
        return self._fast_int8

    def create_network(self, flags: int = 0) -> Any:
        return self._module.INetworkDefinition(flags)

    def create_builder_config(self) -> Any:
        return self._module.IBuilderConfig()

    def create_optimization_profile(self) -> Any:
        return self._module.IOptimizationProfile()

    def build_serialized_network(self, network: Any, config: Any) -> bytes | None:
        self._module.builds += 1
        self._module.last_config, self._module.last_network = config, network
        image = network.get_input(0)
        if -1 in image.shape and not config._profiles:
            _error(self._logger, _DYNAMIC)
            return None
        quantized = any(node.op_type == "QuantizeLinear" for node in network._model.graph.node)
        if "INT8" in config._switches and not quantized:
            _error(self._logger, _NO_SCALES)
            return None
        shapes = [image.shape] * 3
        if config._profiles:
            shapes = config._profiles[0]._shapes[image.name]
        head = {"tensorrt": self._module.__version__, "shapes": shapes}
        content: bytes = network._model.SerializeToString()
        return json.dumps(head).encode() + b"\n" + content


class Runtime:
    _module: Any

    def __init__(self, logger: ILogger) -> None:
        self._logger = logger

    def deserialize_cuda_engine(self, engine: bytes) -> Any:
        line, _, model = engine.partition(b"\n")
        head = json.loads(line)
        if head["tensorrt"] != self._module.__version__:
            _error(self._logger, "version tag does not match")
            return None
        return self._module.ICudaEngine(onnx.load_from_string(model), head["shapes"])


class ICudaEngine:
    _module: Any
    _outputs_first = False  # TensorRT promises no order

    def __init__(self, model: Any, shapes: list[list[int]]) -> None:
        self._model = model
        self._shapes = shapes
        graph = model.graph
        self._tensors = {value.name: ITensor(value) for value in [*graph.input, *graph.output]}
        self._names = list(self._tensors)[:: -1 if self._outputs_first else 1]
        self._inputs = {value.name for value in graph.input}

    @property
    def num_io_tensors(self) -> int:
        return len(self._names)

    @property
    def num_bindings(self) -> int:
        return len(self._names)

    def get_tensor_name(self, index: int) -> str:
        return str(self._names[index])

    def get_tensor_shape(self, name: str) -> Shape:
        return self._tensors[name].shape

    def get_tensor_dtype(self, name: str) -> Any:
        is_float = self._tensors[name].dtype == onnx.TensorProto.FLOAT
        return self._module.DataType["FLOAT" if is_float else "INT32"]

    def get_tensor_mode(self, name: str) -> Any:
        return self._module.TensorIOMode["INPUT" if name in self._inputs else "OUTPUT"]

    def get_binding_name(self, index: int) -> str:
        return str(self._names[index])

    def get_binding_shape(self, index: int) -> Shape:
        return self._tensors[self._names[index]].shape

    def get_binding_dtype(self, index: int) -> Any:
        return ICudaEngine.get_tensor_dtype(self, self._names[index])

    def binding_is_input(self, index: int) -> bool:
        return self._names[index] in self._inputs

    def create_execution_context(self) -> Any:
        return self._module.IExecutionContext(self)


class IExecutionContext:
    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._session = onnxruntime.InferenceSession(
            engine._model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        self._shape: Shape | None = None
        self._addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: Shape) -> bool:
        smallest, _, largest = self._engine._shapes
        self._shape = tuple(shape)
        return all(a <= b <= c for a, b, c in zip(smallest, shape, largest, strict=True))

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        return self._execute(self._addresses, stream_handle)

    def set_binding_shape(self, binding: int, shape: Shape) -> bool:
        return IExecutionContext.set_input_shape(self, self._engine._names[binding], shape)

    def execute_async_v2(self, bindings: list[int], stream_handle: int) -> bool:
        addresses = dict(zip(self._engine._names, bindings, strict=True))
        return self._execute(addresses, stream_handle)

    def _execute(self, addresses: dict[str, int], stream: int) -> bool:
        assert stream, "the default stream would make TensorRT wait for everything else"
        assert self._shape is not None
        (source,) = self._engine._inputs
        (target,) = set(self._engine._names) - {source}
        given = ctypes.string_at(addresses[source], 4 * prod(self._shape))
        inputs = np.frombuffer(given, np.float32).reshape(self._shape)
        outputs = self._session.run([target], {source: inputs})[0]
        ctypes.memmove(addresses[target], outputs.tobytes(), outputs.nbytes)
        return True


_CLASSES: Final = (
    ILogger, ITensor, INetworkDefinition, ParserError, OnnxParser, IOptimizationProfile,
    IBuilderConfig, Builder, Runtime, ICudaEngine, IExecutionContext,
)  # fmt: skip
MODELLED: Final = {
    kind.__name__: [name for name in vars(kind) if not name.startswith("_")] for kind in _CLASSES
}
"""The public names that the classes above define, for a test to hold against the recordings."""


def stand_in(version: str) -> Any:
    """A module in the shape of that release."""
    module: Any = ModuleType("tensorrt")
    module.__version__ = version
    module.builds = 0
    names = API[version]
    for kind in _CLASSES:
        setattr(module, kind.__name__, _in_shape(kind, names[kind.__name__], module))
    for name, members in names.items():
        if not hasattr(module, name):
            values = {m: i for m, i in zip(members, count()) if m not in ("name", "value")}
            setattr(module, name, enum.IntEnum(name, values))
    module.ILogger.Severity = ILogger.Severity
    return module


def _in_shape(kind: type, recorded: list[str], module: Any) -> type:
    """The class with only those names that the release has; no other can be set, either."""

    def set_known(self: Any, name: str, value: Any) -> None:
        if not name.startswith("_") and name not in recorded:
            raise AttributeError(name)
        object.__setattr__(self, name, value)

    members = {
        name: value
        for name, value in vars(kind).items()
        if name.startswith("_") or name in recorded
        if name not in ("__dict__", "__weakref__")
    }
    extra = {"_module": module} | ({} if kind is ILogger else {"__setattr__": set_known})
    return type(kind.__name__, (), members | extra)
