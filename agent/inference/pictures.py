"""The faces of single pictures: found and cropped first, read later, all in one batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import UNKNOWN
from agent.emotion.manifest import Manifest
from agent.emotion.preprocess import GreyImage, to_grey
from agent.faces.detector import FaceDetector
from agent.reading import cropped
from agent.settings import FacesSettings
from agent.sources.pictures import Picture
from agent.types import Box, Reason, Scores


@dataclass(frozen=True)
class FaceResult:
    """One face of a picture, in the pixels of the file."""

    box: Box
    score: float | None
    """The detector's confidence; None where the whole picture was taken as the face."""
    scores: Scores
    reason: Reason | None

    @property
    def emotion(self) -> str:
        return UNKNOWN if self.reason else self.scores.emotion

    def as_dict(self) -> dict[str, Any]:
        return {
            "box": self.box.rounded(),
            "score": None if self.score is None else round(self.score, 4),
            "emotion": self.emotion,
            "confidence": round(self.scores.confidence, 4),
            "probabilities": self.scores.by_name(),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class PictureResult:
    """What was read in one picture."""

    width: int
    height: int
    faces: tuple[FaceResult, ...]
    """Best score of the detector first."""

    def as_dict(self) -> dict[str, Any]:
        """As `classify --json` prints it, without the path."""
        faces = [face.as_dict() for face in self.faces]
        return {"width": self.width, "height": self.height, "faces": faces}


@dataclass(frozen=True)
class CroppedFace:
    """A face that waits to be read."""

    crop: GreyImage
    """side x side, as the model sees it."""
    box: Box
    score: float | None
    reason: Reason | None


@dataclass(frozen=True)
class CroppedPicture:
    """A picture whose faces wait to be read; the picture itself is gone."""

    width: int
    height: int
    faces: tuple[CroppedFace, ...]

    def read(self, rows: Sequence[npt.NDArray[np.float32]]) -> PictureResult:
        """The result, given the probabilities of each face."""
        faces = (
            FaceResult(face.box, face.score, Scores(row), face.reason)
            for face, row in zip(self.faces, rows, strict=True)
        )
        return PictureResult(self.width, self.height, tuple(faces))


class PictureCropper:
    """Finds the faces of a picture, or takes it whole; belongs to one thread at a time."""

    def __init__(
        self, detector: FaceDetector | None, manifest: Manifest, settings: FacesSettings
    ) -> None:
        """Without a detector, every picture is taken whole."""
        self._detector = detector
        self._preprocessing = manifest.preprocessing
        self._crop = manifest.crop_for(detector.name if detector else "")
        self._settings = settings

    def crop(self, picture: Picture, whole: bool = False) -> CroppedPicture:
        """The crops of all faces, also of those too poor to read (they have a reason)."""
        faces = [self._whole(picture)] if whole or self._detector is None else self._found(picture)
        return CroppedPicture(picture.width, picture.height, tuple(faces))

    def _whole(self, picture: Picture) -> CroppedFace:
        crop = self._preprocessing.resize(to_grey(picture.image))
        return CroppedFace(crop, Box(0, 0, picture.width, picture.height), None, None)

    def _found(self, picture: Picture) -> Iterator[CroppedFace]:
        assert self._detector is not None
        faces = self._detector.detect(picture.image)
        crops = cropped(picture.image, faces, self._crop, self._preprocessing, self._settings)
        for face, (crop, reason) in zip(faces, crops, strict=True):
            yield CroppedFace(crop, picture.in_file(face.box), face.score, reason)


def stacked(faces: Sequence[CroppedFace], side: int) -> npt.NDArray[np.uint8]:
    """The crops of faces as one batch, N x side x side; N may be 0."""
    return np.stack([face.crop for face in faces]) if faces else np.zeros((0, side, side), np.uint8)
