"""BlazeFace on a TFLite interpreter (Bazarevsky et al. 2019, arXiv:1907.05047).

The network answers for fixed anchors, the centres of a grid's cells; overlapping answers are
averaged by their scores rather than dropped, which keeps a followed box calm (section 4 there).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

from agent.errors import ModelError
from agent.faces.detector import as_colour
from agent.runtimes.litert import load_interpreter
from agent.types import Box, Face, Image, Landmarks

Variant = Literal["back", "short-range", "full-range"]

Floats = npt.NDArray[np.float32]

MIN_SCORE: Final = 0.5

_SAME_FACE: Final = 0.3  # IoU from which two answers mean one face, as in MediaPipe's graph
_MOST_ROLL: Final = 60.0
"""Degrees. Letters and foliage that pass for a face mostly have eyes one above the other: this
limit took away 41 of 43 false faces in a cartoon's title, and 1 of 1500 real ones in FER2013."""

_LEAST_UPRIGHT: Final = math.cos(math.radians(_MOST_ROLL))


@dataclass(frozen=True)
class _Shape:
    """A variant's input side and anchors."""

    side: int
    layers: tuple[tuple[int, int], ...]
    """Stride in pixels and anchors a cell, in the order of the output's rows."""


SHAPES: Final[dict[Variant, _Shape]] = {
    "back": _Shape(256, ((16, 2), (32, 6))),
    "short-range": _Shape(128, ((8, 2), (16, 6))),
    "full-range": _Shape(192, ((4, 1),)),
}

_MOST_SHRUNK: Final = 3
"""Factor down to which bilinear sampling alone, which reads two pixels each way, will do."""
_SHRINKS: Final = 0.0038
"""Share by which the network's boxes get smaller with each degree that a face is tilted, measured
on four portraits turned by up to 50 degrees; `detect` makes up for it."""


class BlazeFace:
    """A `FaceDetector` with square boxes and landmarks; finds faces from about 1/20 of the longer
    side of the picture (`back`), but none that lies on its side.
    """

    def __init__(
        self,
        weights: Path,
        variant: Variant = "back",
        min_score: float | None = None,
        threads: int = 1,
    ) -> None:
        """Raises `ModelError` where the weights are not those of the variant."""
        self.name = "blazeface" if variant == "back" else f"blazeface-{variant}"
        self._least = _logit(MIN_SCORE if min_score is None else min_score)
        self.side = SHAPES[variant].side
        self._anchors = _anchors(SHAPES[variant])
        self._interpreter = load_interpreter(weights, threads)
        (entry,) = self._interpreter.get_input_details()
        outputs = {d["shape"][-1]: d for d in self._interpreter.get_output_details()}
        rows = [list(outputs[n]["shape"][:2]) if n in outputs else None for n in (16, 1)]
        if list(entry["shape"]) != [1, self.side, self.side, 3] or rows != 2 * [
            [1, len(self._anchors)]
        ]:
            raise ModelError(f"{weights}: not the weights of BlazeFace {variant}")
        self._input = entry["index"]
        # Made once: pictures of one source are of one size, and pages that are fresh cost more
        # than what is written to them.
        self._square = np.zeros((self.side, self.side, 3), np.uint8)
        self._used = (0, 0, 0, 0)
        self._values = np.empty((1, self.side, self.side, 3), np.float32)
        self._regressors, self._scores = outputs[16]["index"], outputs[1]["index"]

    def detect(self, image: Image) -> list[Face]:
        """See `FaceDetector.detect`."""
        return self._found(image, self._least)

    def likely(self, image: Image, score: float) -> list[Face]:
        """As `detect`, with this score instead of the detector's own limit."""
        return self._found(image, _logit(score))

    def _found(self, image: Image, least: float) -> list[Face]:
        if image.size == 0:
            return []
        scale, offset = self._letterbox(as_colour(image))
        self._interpreter.set_tensor(self._input, self._values)
        self._interpreter.invoke()
        logits = self._interpreter.get_tensor(self._scores)[0, :, 0]
        picked = np.flatnonzero(logits >= least)
        if not picked.size:
            return []
        scores = 1 / (1 + np.exp(-logits[picked]))
        points = self._decode(self._interpreter.get_tensor(self._regressors)[0], picked)
        return [
            _face((points - offset) / scale, score)
            for points, score in _merge(points, scores)
            if _upright(points)
        ]

    def _letterbox(self, image: Image) -> tuple[float, Floats]:
        """Put the picture in the middle of a black square as RGB, -1 to 1, where the network's
        input is taken from; its scale and its corner.
        """
        height, width = image.shape[:2]
        scale = self.side / max(height, width)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        left, top = (self.side - inner[0]) // 2, (self.side - inner[1]) // 2
        if self._used != (left, top, *inner):
            self._square[:] = 0
            self._used = (left, top, *inner)
        place = self._square[top : top + inner[1], left : left + inner[0]]
        place[:] = cv2.cvtColor(_resized(image, inner), cv2.COLOR_BGR2RGB)
        cv2.addWeighted(
            self._square, 1 / 127.5, self._square, 0, -1, self._values[0], dtype=cv2.CV_32F
        )
        return scale, np.array([left, top], np.float32)

    def _decode(self, regressors: Floats, picked: npt.NDArray[np.intp]) -> Floats:
        """N x 8 x 2 points in input pixels: two corners, then the six key points."""
        offsets = regressors[picked].reshape(-1, 8, 2)
        points = offsets + self._anchors[picked, np.newaxis]
        half = offsets[:, 1] / 2
        points[:, 1] = points[:, 0] + half
        points[:, 0] -= half
        return points


def _resized(image: Image, size: tuple[int, int]) -> Image:
    """A picture at another size (width, height).

    Bilinear sampling skips pixels where it shrinks a lot. There it samples finer, and pairs are
    averaged: quicker than `INTER_AREA` at once, which is quick for whole factors only. What is
    larger still is halved before, which reads each pixel once.
    """
    while image.shape[1] > 2 * _MOST_SHRUNK * size[0] and image.shape[0] > 1:
        image = _halved(image)
    if image.shape[1] <= _MOST_SHRUNK * size[0]:
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    finer = cv2.resize(image, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(finer, size, interpolation=cv2.INTER_AREA), np.uint8)


def _halved(image: Image) -> Image:
    """A picture at half its size, without the last row or column where there is an odd one."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    even = image[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _anchors(shape: _Shape) -> Floats:
    """Centres of the cells in input pixels, row by row, each as often as it has anchors."""
    centres = []
    for stride, repeats in shape.layers:
        y, x = np.mgrid[: shape.side // stride, : shape.side // stride]
        cells = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) * stride
        centres.append(np.repeat(cells, repeats, axis=0))
    return np.concatenate(centres).astype(np.float32)


def _logit(share: float) -> float:
    """What the logistic function makes that share of; infinite at 0 and 1."""
    if not 0 < share < 1:
        return -math.inf if share <= 0 else math.inf
    return math.log(share / (1 - share))


def _merge(points: Floats, scores: Floats) -> list[tuple[Floats, float]]:
    """One answer for each face, best first: the mean of those that overlap the best, by score."""
    merged = []
    corners = points[:, :2].reshape(-1, 4)
    left, top, right, bottom = corners.T
    areas = (right - left) * (bottom - top)
    order = np.argsort(-scores, kind="stable")
    while order.size:
        best = order[0]
        across = np.minimum(right[best], right[order]) - np.maximum(left[best], left[order])
        down = np.minimum(bottom[best], bottom[order]) - np.maximum(top[best], top[order])
        common = np.maximum(across, 0) * np.maximum(down, 0)
        same = common > _SAME_FACE * (areas[best] + areas[order] - common)
        same[0] = True
        group = order[same]
        weights = scores[group] / scores[group].sum()
        mean = (weights @ points[group].reshape(-1, 16)).reshape(8, 2)
        merged.append((mean, float(scores[best])))
        order = order[~same]
    return merged


def _upright(points: Floats) -> bool:
    """Whether the eyes lie side by side and the mouth below them."""
    (ax, ay), (bx, by), _, (mouth_x, mouth_y) = points[2:6].tolist()
    across, down = (bx - ax, by - ay), (mouth_x - (ax + bx) / 2, mouth_y - (ay + by) / 2)
    least = _LEAST_UPRIGHT
    level = across[0] >= least * math.hypot(*across)
    return bool(level and down[1] >= least * math.hypot(*down))


def _face(points: Floats, score: float) -> Face:
    (left, top), (right, bottom), *keys = (tuple(point) for point in points.tolist())
    landmarks = Landmarks(left_eye=keys[0], right_eye=keys[1], nose=keys[2], mouth=keys[3])
    grown = 1 / (1 - _SHRINKS * abs(landmarks.roll))
    width, height = (right - left) * grown, (bottom - top) * grown
    x, y = (left + right - width) / 2, (top + bottom - height) / 2
    return Face(Box(x, y, width, height), score, landmarks)
