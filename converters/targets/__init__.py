"""The formats that a model can be converted to, one module each."""

from __future__ import annotations

from typing import Final

from converters.targets.deeplens import DeepLensTarget
from converters.targets.onnx import OnnxTarget
from converters.targets.openvino import OpenvinoTarget
from converters.targets.target import Target
from converters.targets.tensorrt import TensorRtTarget
from converters.targets.tflite import TfliteTarget

TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for target in (
        TfliteTarget(),
        OnnxTarget(),
        OpenvinoTarget(),
        TensorRtTarget(),
        DeepLensTarget(),
    )
}
"""Targets by the name that `--to` takes, in the order in which `--to all` makes them."""
