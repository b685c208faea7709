"""From the numbers that YuNet gives to rows of faces, as OpenCV's FaceDetectorYN does it.

YuNet answers for the cells of three grids, of 8, 16 and 32 pixels: two probabilities whose
geometric mean is the score, and a box and five points relative to the cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

STRIDES: Final = (8, 16, 32)
"""Pixels of a cell, for each grid."""

SAME_FACE: Final = 0.3
"""IoU from which two answers mean one face, as in OpenCV's sample."""

MOST: Final = 5000
"""Answers looked at before suppression, as in OpenCV's sample."""

Floats = npt.NDArray[np.float32]
Grid = tuple[Floats, Floats, Floats]
"""Score (n), box (n x 4: centre, logarithm of the size) and points (n x 5 x 2) of n cells, all but
the scores in cells."""


def grids(outputs: Sequence[Floats], height: int, width: int) -> list[Grid]:
    """The network's twelve outputs (1 x cells x 1, 1, 4 and 10 for each stride, in any order) by
    stride; raises `ValueError` where they are others.

    No names are needed: the number of cells tells the stride, and the two probabilities of a cell
    are only multiplied.
    """
    found = []
    for stride in STRIDES:
        cells = (height // stride) * (width // stride)
        own = [array.reshape(cells, -1) for array in outputs if array.shape[-2] == cells]
        own.sort(key=lambda array: array.shape[1])
        if [array.shape[1] for array in own] != [1, 1, 4, 10]:
            raise ValueError(f"no outputs of YuNet for cells of {stride} pixels")
        one, other, boxes, points = own
        score = np.sqrt(np.clip(one[:, 0], 0, 1) * np.clip(other[:, 0], 0, 1))
        found.append((score, boxes, points.reshape(cells, 5, 2)))
    return found


def decoded(found: Sequence[Grid], width: int, min_score: float) -> Floats:
    """Faces as rows of x, y, width, height, five points, score (N x 15), best first, each face
    once; in pixels of the network's input, which is `width` pixels wide.
    """
    rows = [
        _rows(grid, stride, width // stride, min_score)
        for grid, stride in zip(found, STRIDES, strict=True)
    ]
    every = np.concatenate(rows)
    kept = cv2.dnn.NMSBoxes(
        every[:, :4].tolist(), every[:, 14].tolist(), min_score, SAME_FACE, top_k=MOST
    )
    return every[np.asarray(kept, np.intp)]


def _rows(grid: Grid, stride: int, columns: int, min_score: float) -> Floats:
    score, boxes, points = grid
    picked = np.flatnonzero(score >= min_score)
    cells = np.stack([picked % columns, picked // columns], axis=1).astype(np.float32)
    centre = cells + boxes[picked, :2]
    size = np.exp(boxes[picked, 2:])
    landmarks = (points[picked] + cells[:, np.newaxis]).reshape(-1, 10)
    placed = np.concatenate([centre - size / 2, size, landmarks], axis=1) * stride
    return np.concatenate([placed, score[picked, np.newaxis]], axis=1).astype(np.float32)
