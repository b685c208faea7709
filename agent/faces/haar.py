"""Haar cascade of OpenCV 4 (Viola and Jones 2001): the last resort, slow and without landmarks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from agent.emotion.preprocess import to_grey
from agent.errors import ModelError
from agent.faces.detector import shrunk
from agent.types import Box, Face, Image

MIN_SCORE: Final = 0.5

CASCADE: Final = "haarcascade_frontalface_alt2.xml"
_DEBIAN_FOLDER: Final = "/usr/share/opencv4/haarcascades"
_STEP: Final = 1.1  # from one window size to the next
_USUAL_HITS: Final = 4  # windows on one face that OpenCV asks for by default; a score of one half
_SMALLEST: Final = 24  # pixels in the picture it looks at; the cascade's own window is 20


class Haar:
    """A `FaceDetector` with square boxes and no landmarks, so crops are not levelled and turned
    faces are not told from frontal ones.
    """

    name = "haar"

    def __init__(
        self,
        min_score: float | None = None,
        longest_side: int = 640,
        cascade: Path | None = None,
    ) -> None:
        """Larger pictures are shrunk to `longest_side`; without `cascade`, OpenCV's own file of it
        is taken. Raises `ModelError` on OpenCV 5, which has no cascades.
        """
        self.side = longest_side
        least = MIN_SCORE if min_score is None else min_score
        # The inverse of the score in `detect`. OpenCV wants one window more than it is told to, and
        # does not merge windows at all for 0.
        hits = math.ceil(_USUAL_HITS * least / max(1 - least, 1e-3) - 1e-9)
        self._neighbours = max(1, hits - 1)
        if not hasattr(cv2, "CascadeClassifier"):
            raise ModelError(
                f"faces.detector = haar needs OpenCV 4, this is {cv2.__version__}: choose "
                "blazeface or yunet, or `pip install 'opencv-python-headless<5'`"
            )
        path = cascade_file() if cascade is None else cascade
        self._cascade = cv2.CascadeClassifier(str(path))
        if self._cascade.empty():
            raise ModelError(f"{path}: missing or damaged; reinstall OpenCV 4")

    def detect(self, image: Image) -> list[Face]:
        """See `FaceDetector.detect`. A face that n windows agree on scores n / (n + 4)."""
        if image.size == 0:
            return []
        small, (across, down) = shrunk(to_grey(image), self.side)
        if min(small.shape) < _SMALLEST:
            return []
        boxes, hits = self._cascade.detectMultiScale2(
            small, _STEP, self._neighbours, minSize=(_SMALLEST, _SMALLEST)
        )
        faces = [
            Face(Box(x / across, y / down, width / across, height / down), n / (n + _USUAL_HITS))
            for (x, y, width, height), n in zip(
                np.asarray(boxes).tolist(), np.asarray(hits).tolist(), strict=True
            )
        ]
        return sorted(faces, key=lambda face: -face.score)


def cascade_file() -> Path:
    """Where this OpenCV keeps the cascade; the file may be missing."""
    # OpenCV's wheels bring the cascades along, Debian's package has them in a place of its own.
    wheels = getattr(cv2, "data", None)
    return Path(wheels.haarcascades if wheels else _DEBIAN_FOLDER, CASCADE)
