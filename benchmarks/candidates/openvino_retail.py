"""OpenVINO with face-detection-retail-0004 and emotions-recognition-retail-0003.

The two models are in Intel's Open Model Zoo, and in no package known here. `--option` is a folder
that holds both as .xml and .bin, at any depth.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import cv2

from benchmarks.candidates.measuring import Clock, Read, main

DETECTOR: Final = "face-detection-retail-0004"
CLASSIFIER: Final = "emotions-recognition-retail-0003"
LABELS: Final = ("neutral", "happy", "sad", "surprise", "anger")
LEAST_SCORE: Final = 0.5


def model_file(folder: Path, name: str) -> Path | None:
    """Where below a folder a model lies; None without its .xml and its .bin."""
    for path in sorted(folder.rglob(f"{name}.xml")):
        if path.with_suffix(".bin").is_file():
            return path
    return None


class OpenvinoRetail:
    """The two networks, each compiled for one thread and low latency."""

    def __init__(self, folder: str | None) -> None:
        import openvino  # noqa: PLC0415

        core = openvino.Core()
        fast = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
        models = []
        for name in (DETECTOR, CLASSIFIER):
            path = model_file(Path(folder or "."), name)
            if path is None:
                raise SystemExit(f"{folder}: no {name}.xml with its .bin")
            models.append(core.compile_model(str(path), "CPU", fast).create_infer_request())
        self._detector, self._classifier = models
        self.versions = {"openvino": version("openvino"), "models": f"{DETECTOR}, {CLASSIFIER}"}

    def frame(self, image: Any, seconds: float, clock: Clock) -> list[Read]:
        """Every face that is found, read."""
        del seconds
        height, width = image.shape[:2]
        with clock.stage("detect"):
            rows = self._run(self._detector, image, 300).reshape(-1, 7)
        boxes = []
        for _, _, score, left, top, right, bottom in rows[rows[:, 0] >= 0].tolist():
            x, y = max(0.0, left * width), max(0.0, top * height)
            across, down = min(width, right * width) - x, min(height, bottom * height) - y
            if score >= LEAST_SCORE and across >= 1 and down >= 1:
                boxes.append((x, y, across, down))
        with clock.stage("classify"):
            return [Read.of(box, self._scores(image, box)) for box in boxes]

    def picture(self, image: Any) -> list[Read]:
        """As a frame."""
        return self.frame(image, 0.0, Clock())

    def _scores(self, image: Any, box: tuple[float, float, float, float]) -> dict[str, float]:
        x, y, width, height = (round(number) for number in box)
        face = image[y : y + max(height, 1), x : x + max(width, 1)]
        row = self._run(self._classifier, face, 64).reshape(-1)
        return dict(zip(LABELS, row.tolist(), strict=True))

    @staticmethod
    def _run(request: Any, image: Any, side: int) -> Any:
        resized = cv2.resize(image, (side, side))
        request.infer(resized.transpose(2, 0, 1)[None].astype("float32"))
        return request.get_output_tensor(0).data


if __name__ == "__main__":
    main(OpenvinoRetail)
