"""Int8 ONNX with QuantizeLinear and DequantizeLinear, placed as TensorRT wants them.

TensorRT takes symmetric int8 only: zero points of 0, a scale for each filter, float biases. The
inputs of convolutions and of the last layer are quantized, and nothing else: whatever lies between
them (bias, addition, ReLU) is fused into the convolution before it, and a quantization in between
would only cost accuracy (98.9 instead of 99.4 % agreement with Keras for fer-compact).

The ranges come from the same pictures as those of the TFLite file, by smallest and largest value.
TFLite spreads the values after a ReLU over all 256 codes, with a zero point of -128; here they
have the 128 codes from 0, so these scales are TFLite's times 255/127. The scale of the input and
those of the filters are the same in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from agent.errors import ModelError
from converters.targets.target import Task

_QUANTIZED: Final = ["Conv", "Gemm", "MatMul"]
_BATCH: Final = 50


def quantize(source: Path, out: Path, task: Task) -> None:
    """Write the float file `source` as int8; raises `ModelError` where that fails."""
    import onnx  # noqa: PLC0415

    prepared = out.with_suffix(".prepared.onnx")
    try:
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        image = _first_quantized(onnx.load(prepared))
        quantize_static(
            str(prepared),
            str(out),
            _Pictures(task.preprocessing.normalise(task.calibration)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=_QUANTIZED,
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "QuantizeBias": False,
                "AddQDQPairToWeight": True,
                "OpTypesToExcludeOutputQuantization": _QUANTIZED,
                "TensorQuantOverrides": {image: [_grey_levels(task)]},
            },
        )
    except Exception as error:  # errors of two libraries, without a common class
        reason = " ".join(str(error).split())
        raise ModelError(f"ONNX int8: the quantization failed: {reason}") from error


class _Pictures(CalibrationDataReader):  # type: ignore[misc]
    """Normalised pictures, some at a time."""

    def __init__(self, pictures: npt.NDArray[np.float32]) -> None:
        self._batches: Iterator[npt.NDArray[np.float32]] = iter(
            np.split(pictures, range(_BATCH, len(pictures), _BATCH))
        )

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}


def _first_quantized(model: Any) -> str:
    """Name of the tensor that the first convolution reads: the picture, in ONNX's own layout."""
    first = next(node for node in model.graph.node if node.op_type in _QUANTIZED)
    return str(first.input[0])


def _grey_levels(task: Task) -> dict[str, Any]:
    """A scale by which each grey level keeps a code of its own, as in the TFLite file."""
    return {
        "quant_type": QuantType.QInt8,
        "scale": np.array(1 / task.preprocessing.divisor, np.float32),
        "zero_point": np.array(0, np.int8),
    }
