"""Builds a TensorRT engine from an ONNX file, on the machine that will run it.

An engine is compiled for one GPU model and one release of TensorRT; the ONNX file serves all. The
number of faces differs from frame to frame, so the batch stays free between one and
`LARGEST_BATCH`: a fixed batch would cost a lone face as much as a full one.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

from agent.errors import ModelError
from agent.runtimes.tensorrt.library import made

EnginePrecision = Literal["int8", "float16", "float32"]


class PrecisionError(ModelError):
    """A precision that this GPU or this TensorRT does not have; the message names others."""


USUAL_BATCH: Final = 2
"""Faces in a frame that the kernels are chosen for."""
LARGEST_BATCH: Final = 16
"""More faces than this go through in several batches."""
RECIPE: Final = 1
"""Counts the changes of what this module builds; engines of another recipe are built anew."""

WORKSPACE: Final = 256 << 20
"""Most bytes that kernels may use to work in; a Jetson's GPU shares its memory with all else."""


def build_engine(trt: Any, listener: Any, onnx: bytes, precision: EnginePrecision) -> bytes:
    """The serialized engine, for this machine's GPU; takes seconds to minutes.

    `float32` and `float16` want a float ONNX model, `int8` one with QuantizeLinear and
    DequantizeLinear pairs. Raises `ModelError` with TensorRT's own reason.
    """
    builder = made(trt.Builder, listener)
    parsed = parse(trt, listener, builder, onnx)
    config = configure(trt, builder, parsed.network, precision)
    return serialize(builder, parsed, config, listener)


class Parsed(NamedTuple):
    """A network, and the parser, to which the weights belong until the engine is built."""

    network: Any
    parser: Any


def parse(trt: Any, listener: Any, builder: Any, onnx: bytes) -> Parsed:
    """The network in an ONNX file; raises `ModelError` for one that TensorRT cannot take."""
    network = builder.create_network(_network_flags(trt))
    parser = trt.OnnxParser(network, listener)
    if not parser.parse(onnx):
        reasons = [parser.get_error(i).desc() for i in range(parser.num_errors)]
        told = " ".join("; ".join(reasons).split())
        raise ModelError(f"TensorRT cannot read the ONNX model: {told}")
    if (network.num_inputs, network.num_outputs) != (1, 1):
        raise ModelError(
            f"not an ONNX model with one input and one output: TensorRT finds "
            f"{network.num_inputs} and {network.num_outputs}"
        )
    return Parsed(network, parser)


def _network_flags(trt: Any) -> int:
    """Batch in the tensors' shapes (the only way since 10), types as in the file (since 11)."""
    kinds = trt.NetworkDefinitionCreationFlag
    flags = 0
    if hasattr(kinds, "EXPLICIT_BATCH"):
        flags |= 1 << int(kinds.EXPLICIT_BATCH)
    if not hasattr(trt.BuilderFlag, "INT8"):
        flags |= 1 << int(kinds.STRONGLY_TYPED)
    return flags


def configure(trt: Any, builder: Any, network: Any, precision: EnginePrecision) -> Any:
    """How to build: precision, memory, and the range of batches.

    Raises `PrecisionError` for float16 where TensorRT has no switch for it.
    """
    config = builder.create_builder_config()
    if hasattr(config, "set_memory_pool_limit"):
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE)
    else:
        config.max_workspace_size = WORKSPACE
    # TF32 would round what is to be float32; the layers that int8 leaves are too few to matter.
    config.clear_flag(trt.BuilderFlag.TF32)
    if precision == "float16":
        if not hasattr(trt.BuilderFlag, "FP16"):
            raise PrecisionError(
                f"TensorRT {trt.__version__} builds only the types that are in the file and "
                "cannot make float16 of float32: set runtime.precision to int8 or float32"
            )
        config.set_flag(trt.BuilderFlag.FP16)
    elif precision == "int8" and hasattr(trt.BuilderFlag, "INT8"):
        config.set_flag(trt.BuilderFlag.INT8)
    _free_batch(builder, network, config)
    return config


def _free_batch(builder: Any, network: Any, config: Any) -> None:
    """Allow every batch up to the largest, where the ONNX file leaves the batch open."""
    image = network.get_input(0)
    batch, *picture = image.shape
    if batch != -1:
        return
    profile = builder.create_optimization_profile()
    shapes = [(size, *picture) for size in (1, USUAL_BATCH, LARGEST_BATCH)]
    profile.set_shape(image.name, *shapes)
    config.add_optimization_profile(profile)


def serialize(builder: Any, parsed: Parsed, config: Any, listener: Any) -> bytes:
    """Choose the kernels and write the engine; raises `ModelError` with TensorRT's reason."""
    engine = builder.build_serialized_network(parsed.network, config)
    if engine is None:
        raise ModelError(f"TensorRT cannot build the engine: {listener.told()}")
    return bytes(engine)
