"""YuNet on the TFLite interpreter, so that detection and expression run in one engine.

`emotion-convert yunet` makes the file from the ONNX file.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from agent.errors import ModelError
from agent.faces.detector import as_colour
from agent.faces.yunet import MIN_SCORE, SMALLEST, face_of
from agent.faces.yunet_answers import Floats, Grid, decoded, grids
from agent.runtimes.litert import load_interpreter
from agent.types import Face, Image


class YuNetTflite:
    """A `FaceDetector` like `YuNet`, at the one input size that its file was made for."""

    name = "yunet"

    def __init__(self, weights: Path, min_score: float | None = None, threads: int = 1) -> None:
        """Raises `ModelError` where the file is missing, damaged, or not YuNet."""
        self._min_score = MIN_SCORE if min_score is None else min_score
        self._interpreter = load_interpreter(weights, threads)
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = [entry["index"] for entry in self._interpreter.get_output_details()]
        shape = tuple(map(int, self._input["shape"]))
        dtype = np.dtype(self._input["dtype"])
        if len(shape) != 4 or shape[::3] != (1, 3) or dtype not in (np.uint8, np.float32):
            raise ModelError(f"{weights}: not a YuNet model (input {shape} {dtype})")
        if dtype == np.uint8 and tuple(self._input["quantization"]) != (1.0, 0):
            raise ModelError(
                f"{weights}: its input is not the grey levels 0 to 255; convert it again"
            )
        self.height, self.width = shape[1:3]
        self.side = max(self.height, self.width)
        try:
            self._answers(np.zeros((self.height, self.width, 3), np.uint8))
        except ValueError as error:
            raise ModelError(f"{weights}: not a YuNet model ({error})") from None

    def detect(self, image: Image) -> list[Face]:
        """See `FaceDetector.detect`."""
        if image.size == 0:
            return []
        small, (across, down) = self._fitted(as_colour(image))
        if min(small.shape[:2]) < SMALLEST:
            return []
        square = np.zeros((self.height, self.width, 3), np.uint8)
        square[: small.shape[0], : small.shape[1]] = small
        rows = decoded(self._answers(square), self.width, self._min_score)
        return [face_of(row, across, down) for row in rows.astype(float)]

    def _answers(self, picture: Image) -> list[Grid]:
        values = picture[np.newaxis].astype(self._input["dtype"])
        self._interpreter.set_tensor(self._input["index"], values)
        self._interpreter.invoke()
        outputs: list[Floats] = [self._interpreter.get_tensor(index) for index in self._outputs]
        return grids(outputs, self.height, self.width)

    def _fitted(self, image: Image) -> tuple[Image, tuple[float, float]]:
        """A picture that is too large for the input, shrunk; its scale across and down."""
        height, width = image.shape[:2]
        scale = min(self.width / width, self.height / height)
        if scale >= 1:
            return image, (1.0, 1.0)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        return small, (size[0] / width, size[1] / height)
