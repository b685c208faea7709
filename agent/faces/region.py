"""Spares searches of the whole picture by a small network: on a cut-out round each known face, and
on the picture as a whole, where it tells whether there may be another one.
"""

from __future__ import annotations

from typing import Final, Protocol

from agent.faces.detector import FaceDetector
from agent.types import Box, Face, Image, Landmarks, Point

SMALLEST: Final = 32
"""Pixels. On smaller faces the short-range network's boxes lie up to a twelfth of a face off those
of the others; from here on within a twentieth."""
MOST: Final = 4
"""Faces looked at singly; for more, one search of the whole picture costs less."""

_AROUND: Final = 2.5
"""Side of the cut-out in sides of the face. Measured on films at 1.6, 2, 2.5 and 3: the fewest
misses, and boxes as the large network gives them."""
_SAME_FACE: Final = 0.3  # IoU from which two answers mean one face
_LEAST_OVERLAP: Final = 0.2  # IoU with where the face was; what is farther off is another one
_SUSPECT: Final = 0.25
"""Score from which the short-range network suspects a face. On the films at hand, shrunk step by
step, it suspected all 493 faces of 1/9 of the picture's longer side or more, 94 in 100 of those
down to 1/12, and none under 1/15; in 46 moving scenes without another face it suspected none."""
_KNOWN: Final = 0.15  # IoU with a known face from which a suspected one is that


class NearDetector(Protocol):
    """Finds known faces again, and tells whether there may be others."""

    @property
    def glances(self) -> bool:
        """Whether `suspects` costs less than a search of the whole picture."""
        ...

    def enough(self, boxes: list[Box], longer: int) -> float:
        """Share of a picture's size, of so many pixels along its longer side, that both methods
        need to see all that they can; without boxes, `suspects` alone.
        """
        ...

    def find(self, image: Image, boxes: list[Box], some: bool = False) -> list[Face] | None:
        """The face at each box of a picture (H x W x 3 BGR), or None where one is not found; with
        `some` those that are found.
        """
        ...

    def suspects(self, image: Image, known: list[Box]) -> bool:
        """Whether there may be a face besides the known ones; small ones go unnoticed."""
        ...


class CloseDetector(FaceDetector, Protocol):
    """A detector for faces that fill much of their picture."""

    def likely(self, image: Image, score: float) -> list[Face]:
        """As `detect`, down to this score."""
        ...


class RegionDetector:
    """A `NearDetector` on a detector for faces that fill much of their picture."""

    def __init__(self, detector: CloseDetector, glances: bool = True) -> None:
        self._detector = detector
        self.glances = glances

    def enough(self, boxes: list[Box], longer: int) -> float:
        """See `NearDetector.enough`."""
        return self._detector.side / min([longer, *(_AROUND * box.side for box in boxes)])

    def suspects(self, image: Image, known: list[Box]) -> bool:
        """See `NearDetector.suspects`."""
        likely = self._detector.likely(image, _SUSPECT)
        return any(all(face.box.iou(box) < _KNOWN for box in known) for face in likely)

    def find(self, image: Image, boxes: list[Box], some: bool = False) -> list[Face] | None:
        """See `NearDetector.find`."""
        found: list[Face] = []
        for box in boxes:
            face = self._near(image, box)
            if face is not None and all(face.box.iou(f.box) <= _SAME_FACE for f in found):
                found.append(face)
            elif not some:
                return None
        return found

    def _near(self, image: Image, box: Box) -> Face | None:
        (x, y), half = box.centre, box.side * _AROUND / 2
        left, top = max(0, int(x - half)), max(0, int(y - half))
        cut = image[top : max(top, int(y + half)), left : max(left, int(x + half))]
        faces = [moved(face, (left, top)) for face in self._detector.detect(cut)]
        best = max(faces, key=lambda face: face.box.iou(box), default=None)
        return best if best is not None and best.box.iou(box) >= _LEAST_OVERLAP else None


def moved(face: Face, by: Point) -> Face:
    """A face found in a cut-out, at its place in the picture."""
    x, y = by
    box = Box(face.box.x + x, face.box.y + y, face.box.width, face.box.height)
    if face.landmarks is None:
        return Face(box, face.score)
    marks = face.landmarks
    points = (marks.left_eye, marks.right_eye, marks.nose, marks.mouth)
    return Face(box, face.score, Landmarks(*((px + x, py + y) for px, py in points)))
