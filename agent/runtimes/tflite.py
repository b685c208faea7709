"""Runs the expression model on LiteRT."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from agent.emotion.manifest import Manifest, Precision, checked_file
from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError
from agent.runtimes.litert import Interpreter, load_interpreter
from agent.runtimes.outputs import answers


class TfliteRuntime:
    """An `EmotionRuntime` on LiteRT's interpreter; belongs to one thread at a time.

    Crops go through one by one: a larger batch of a small network is no faster on a CPU, and the
    file stays the same for every number of faces.
    """

    kind = "tflite"

    def __init__(
        self, manifest: Manifest, folder: Path, precision: Precision = "int8", threads: int = 1
    ) -> None:
        """Load the model of that precision from the manifest's folder.

        Raises `ModelError` for a file that is missing, changed, damaged, or whose input or output
        is not what the manifest says.
        """
        path = checked_file(manifest, folder, self.kind, precision)
        self.model = manifest.model_id
        self._manifest = manifest
        self._preprocessing = manifest.preprocessing
        self._interpreter: Interpreter | None = load_interpreter(path, threads)
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self._check_shapes(path)
        self._codes = _input_codes(self._preprocessing, self._input)

    def _check_shapes(self, path: Path) -> None:
        for tensor, part, expected in (
            (self._input, "input", (1, *self._manifest.input.shape)),
            (self._output, "output", (1, len(self._manifest.labels))),
        ):
            found, dtype = tuple(map(int, tensor["shape"])), np.dtype(tensor["dtype"])
            if found != expected or dtype not in (np.float32, np.int8, np.uint8):
                raise ModelError(
                    f"{path}: {part} is {' x '.join(map(str, found))} {dtype}, "
                    f"expected {' x '.join(map(str, expected))} float32, int8 or uint8"
                )

    def predict(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Calibrated probabilities, N x 8, of N x side x side grey crops; see `EmotionRuntime`."""
        return answers(self.outputs(crops), self._manifest)

    def outputs(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """What the network gives for the crops: N rows with a number for each of its labels."""
        engine = self._interpreter
        if engine is None:
            raise RuntimeError("predict was called after close")
        self._preprocessing.check(crops)
        shape = (1, *self._manifest.input.shape)
        outputs = np.zeros((len(crops), len(self._manifest.labels)))
        for index, crop in enumerate(crops):
            coded = np.asarray(cv2.LUT(crop, self._codes))
            engine.set_tensor(self._input["index"], coded.reshape(shape))
            engine.invoke()
            outputs[index] = engine.get_tensor(self._output["index"])[0]
        return _real_values(outputs, self._output)

    def close(self) -> None:
        """Give the interpreter's memory back; calling it again does nothing."""
        self._interpreter = None


def _input_codes(preprocessing: Preprocessing, tensor: dict[str, Any]) -> npt.NDArray[Any]:
    """What the network gets for each of the 256 values that a pixel can have."""
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    values = replace(preprocessing, side=16).normalise(pixels).ravel()
    dtype = np.dtype(tensor["dtype"])
    if dtype == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    limits = np.iinfo(dtype)
    codes = np.round(values.astype(np.float64) / scale) + zero_point
    return np.asarray(np.clip(codes, limits.min, limits.max), dtype)


def _real_values(
    outputs: npt.NDArray[np.float64], tensor: dict[str, Any]
) -> npt.NDArray[np.float64]:
    """Quantized outputs as the real numbers that they stand for; others unchanged."""
    if np.dtype(tensor["dtype"]) == np.float32:
        return outputs
    scale, zero_point = tensor["quantization"]
    return np.asarray((outputs - zero_point) * scale, np.float64)
