"""MediaPipe's face detection and this project's TFLite model, put together as a user would.

`--option` is the folder of the model. The crop's margin is the one that the model's manifest has
for the same detector.
"""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from benchmarks.candidates.measuring import Clock, Read, main

SHORT_RANGE: Final = 0
"""`model_selection`: faces within 2 m, its default; 1 is for 5 m."""


class MediapipeFace:
    """Detection, a square cut out of the grey picture, one call of the model for each face."""

    def __init__(self, folder: str | None) -> None:
        os.environ["GLOG_minloglevel"] = "3"  # noqa: SIM112 - its own name
        import mediapipe  # noqa: PLC0415
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415

        if folder is None:
            raise SystemExit("--option: the folder of the model is missing")
        self._manifest = json.loads(Path(folder, "manifest.json").read_text())
        self._detector = mediapipe.solutions.face_detection.FaceDetection(
            model_selection=SHORT_RANGE, min_detection_confidence=0.5
        )
        self._model = Interpreter(str(Path(folder, "model-int8.tflite")), num_threads=1)
        self._model.allocate_tensors()
        self._input, self._output = (
            self._model.get_input_details()[0],
            self._model.get_output_details()[0],
        )
        self.versions = {
            **{name: version(name) for name in ("mediapipe", "ai-edge-litert")},
            "model": f"{self._manifest['name']}@{self._manifest['version']}",
        }

    def frame(self, image: Any, seconds: float, clock: Clock) -> list[Read]:
        """Every face that is found, read."""
        del seconds
        with clock.stage("detect"):
            found = self._detector.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).detections
        with clock.stage("crop"):
            grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
            boxes = [_box(detection, image.shape) for detection in found or ()]
            crops = [self._crop(grey, box) for box in boxes]
        with clock.stage("classify"):
            rows = [self._scores(crop) for crop in crops]
        return [Read.of(box, row) for box, row in zip(boxes, rows, strict=True)]

    def picture(self, image: Any) -> list[Read]:
        """As a frame."""
        return self.frame(image, 0.0, Clock())

    def _crop(self, grey: Any, box: tuple[float, float, float, float]) -> Any:
        crop = self._manifest["crops"]["blazeface-short-range"]
        side = self._manifest["input"]["side"]
        x, y, width, height = box
        longer = max(width, height)
        reach = round(longer * (1 + crop["margin"]))
        left = round(x + width / 2 - reach / 2)
        top = round(y + height / 2 + crop["drop"] * longer - reach / 2)
        out = max(0, -left, -top, left + reach - grey.shape[1], top + reach - grey.shape[0])
        padded = cv2.copyMakeBorder(grey, out, out, out, out, cv2.BORDER_REPLICATE)
        square = padded[top + out : top + out + reach, left + out : left + out + reach]
        return cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)

    def _scores(self, crop: Any) -> dict[str, float]:
        shaped = self._manifest["input"]
        value = (crop.astype(np.float32) - shaped["offset"]) / shaped["divisor"]
        scale, zero = self._input["quantization"]
        if scale:
            value = np.clip(np.round(value / scale + zero), -128, 127)
        value = value.astype(self._input["dtype"]).reshape(self._input["shape"])
        self._model.set_tensor(self._input["index"], value)
        self._model.invoke()
        row = self._model.get_tensor(self._output["index"])[0]
        return dict(zip(self._manifest["labels"], row.tolist(), strict=True))


def _box(detection: Any, shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    box = detection.location_data.relative_bounding_box
    height, width = shape[:2]
    return box.xmin * width, box.ymin * height, box.width * width, box.height * height


if __name__ == "__main__":
    main(MediapipeFace)
