"""What can be read from a model file that came without a manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from agent.emotion.manifest import Precision
from agent.errors import ModelError
from agent.runtimes.litert import load_interpreter


@dataclass(frozen=True)
class Network:
    """A file's engine and its ends."""

    runtime: Literal["tflite", "onnx"]
    precision: Precision
    side: int
    layout: Literal["NHWC", "NCHW"]
    classes: int
    values: tuple[float, float] | None
    """What black and white become, where the file's quantization tells."""


def inspect(path: Path, name: Path | None = None) -> Network:
    """Look into a `.tflite` or `.onnx` file; errors call it by `name`, or by its path.

    Raises `ModelError` for a file that cannot be read, and for one that does not take one square
    grey picture and give one row of numbers.
    """
    if path.suffix == ".onnx":
        return _onnx(path)
    return _tflite(path, name or path)


def _tflite(path: Path, name: Path) -> Network:
    interpreter: Any = load_interpreter(path)
    entries, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    side, layout, classes = _ends(
        name, [e["shape"] for e in entries], [o["shape"] for o in outputs]
    )
    entry = entries[0]
    types = {np.dtype(tensor["dtype"]) for tensor in interpreter.get_tensor_details()}
    quantized_biases = any(
        len(t["shape"]) == 1
        and t["dtype"] == np.int32
        and len(t["quantization_parameters"]["scales"])
        for t in interpreter.get_tensor_details()
    )
    values = None
    if np.dtype(entry["dtype"]) != np.float32:
        precision: Precision = "int8"
        scale, zero_point = entry["quantization"]
        codes = np.iinfo(entry["dtype"])
        values = (scale * (codes.min - zero_point), scale * (codes.max - zero_point))
    elif np.dtype(np.int8) in types:
        precision = "int8-float-io" if quantized_biases else "dynamic"
    else:
        precision = "float16" if np.dtype(np.float16) in types else "float32"
    return Network("tflite", precision, side, layout, classes, values)


def _onnx(path: Path) -> Network:
    import onnx  # noqa: PLC0415

    try:
        graph = onnx.load(path).graph
    except Exception as error:  # of protobuf, of the file system, of external data
        raise ModelError(f"{path}: not a usable ONNX model: {_first_line(error)}") from None
    constants = {constant.name for constant in graph.initializer}
    inputs = [end for end in graph.input if end.name not in constants]
    side, layout, classes = _ends(
        path, [_dimensions(end) for end in inputs], [_dimensions(end) for end in graph.output]
    )
    for end in (*inputs, *graph.output):
        kind = end.type.tensor_type.elem_type
        if kind != onnx.TensorProto.FLOAT:
            found = onnx.TensorProto.DataType.Name(kind).lower()
            raise ModelError(f"{path}: {end.name} is {found}, expected float32")
    types = {constant.data_type for constant in graph.initializer}
    if any(node.op_type == "DequantizeLinear" for node in graph.node):
        precision: Precision = "int8-float-io"
    else:
        precision = "float16" if onnx.TensorProto.FLOAT16 in types else "float32"
    return Network("onnx", precision, side, layout, classes, None)


def _dimensions(end: Any) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in end.type.tensor_type.shape.dim]


_EXPECTED: Final = "expected one grey square picture (1 x side x side or side x side x 1) and a row"


def _ends(
    path: Path, inputs: list[Any], outputs: list[Any]
) -> tuple[int, Literal["NHWC", "NCHW"], int]:
    """Side, layout and number of outputs; raises `ModelError` for other ends."""
    shapes = [list(shape)[1:] for shape in (*inputs, *outputs)]
    if len(inputs) == len(outputs) == 1 and len(shapes[0]) == 3 and len(shapes[1]) == 1:
        picture, (classes,) = shapes
        for layout, one, square in (("NHWC", 2, picture[:2]), ("NCHW", 0, picture[1:])):
            if picture[one] == 1 and square[0] == square[1] and _is_count(square[0], classes):
                return int(square[0]), "NHWC" if layout == "NHWC" else "NCHW", int(classes)
    found = ", ".join(" x ".join(map(str, shape)) for shape in shapes)
    raise ModelError(f"{path}: inputs and outputs are {found}; {_EXPECTED}")


def _is_count(*numbers: Any) -> bool:
    return all(isinstance(n, (int, np.integer)) and n > 1 for n in numbers)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).strip().partition("\n")[0].split())
