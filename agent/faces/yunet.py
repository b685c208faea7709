"""YuNet through OpenCV (Wu et al. 2023, doi:10.1007/s11633-023-1423-y)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import cv2

from agent.errors import ModelError
from agent.faces.detector import as_colour, shrunk
from agent.faces.yunet_answers import MOST, SAME_FACE
from agent.types import Box, Face, Image, Landmarks

MIN_SCORE: Final = 0.6

SMALLEST: Final = 10
"""Pixels; in a thinner strip no face can be seen, but YuNet may report one."""


class YuNet:
    """A `FaceDetector` with tight boxes, taller than wide, and landmarks; finds the smallest faces
    of all (from about 10 pixels in the picture it looks at). Its landmarks follow a tilted head by
    some 20 degrees only, so crops of strongly tilted faces stay tilted.
    """

    name = "yunet"

    def __init__(
        self, weights: Path, min_score: float | None = None, longest_side: int = 640
    ) -> None:
        """Larger pictures are shrunk to `longest_side`. Raises `ModelError` where the weights
        cannot be read.
        """
        self.side = longest_side
        if not weights.is_file():
            raise ModelError(f"{weights}: no such file")
        try:
            self._net = cv2.FaceDetectorYN.create(
                str(weights),
                "",
                (longest_side, longest_side),
                MIN_SCORE if min_score is None else min_score,
                SAME_FACE,
                MOST,
            )
        except cv2.error as error:
            raise ModelError(f"{weights}: not a YuNet model ({error.err})") from None

    def detect(self, image: Image) -> list[Face]:
        """See `FaceDetector.detect`."""
        if image.size == 0:
            return []
        small, (across, down) = shrunk(as_colour(image), self.side)
        if min(small.shape[:2]) < SMALLEST:
            return []
        self._net.setInputSize((small.shape[1], small.shape[0]))
        found: tuple[int, Any] = self._net.detect(small)  # the stubs know of no None
        rows = found[1]
        if rows is None:
            return []
        faces = [face_of(row, across, down) for row in rows.astype(float)]
        return sorted(faces, key=lambda face: -face.score)


def face_of(row: Any, across: float, down: float) -> Face:
    """The face of a row, in a picture that was scaled so before.

    A row is x, y, width, height, five points (eyes, nose, corners of the mouth), score.
    """
    x, y, width, height = row[:4].tolist()
    points = [(px / across, py / down) for px, py in row[4:14].reshape(5, 2).tolist()]
    (ax, ay), (bx, by) = points[3:]
    return Face(
        Box(x / across, y / down, width / across, height / down),
        min(1.0, float(row[14])),
        Landmarks(
            left_eye=points[0],
            right_eye=points[1],
            nose=points[2],
            mouth=((ax + bx) / 2, (ay + by) / 2),
        ),
    )
