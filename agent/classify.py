"""Reads single pictures once, without tracking: `emotion-agent classify`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.emotion.labels import UNKNOWN
from agent.emotion.prior import prior_for
from agent.errors import AgentError
from agent.faces.detector import FaceDetector
from agent.faces.detectors import open_detector
from agent.reading import FaceReader
from agent.runtimes.opening import open_runtime
from agent.settings import Settings
from agent.sources.pictures import Picture, pictures_in, read_picture
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
    """What was read in one file, or why nothing was."""

    path: str
    width: int = 0
    height: int = 0
    faces: tuple[FaceResult, ...] = ()
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The result as `--json` prints it."""
        if self.error is not None:
            return {"path": self.path, "error": self.error}
        faces = [face.as_dict() for face in self.faces]
        return {"path": self.path, "width": self.width, "height": self.height, "faces": faces}

    def as_text(self) -> str:
        """The result in words, a line for each face."""
        if self.error is not None:
            return self.error if self.path in self.error else f"{self.path}: {self.error}"
        if not self.faces:
            return f"{self.path}: no face"
        return "\n".join(f"{self.path}: {_in_words(face)}" for face in self.faces)


class PictureReader:
    """Finds and reads the faces of pictures, one after the other."""

    def __init__(self, settings: Settings, detect: bool = True) -> None:
        opened = open_runtime(settings.runtime)
        self._detector: FaceDetector | None = None
        if detect:
            self._detector = open_detector(settings.faces, settings.runtime.threads)
        self._reader = FaceReader(
            opened.runtime,
            opened.manifest.preprocessing,
            opened.manifest.crop_for(self._detector.name if self._detector else ""),
            settings.faces,
            prior=prior_for(settings.emotion, opened.manifest),
        )

    def read(self, path: Path) -> PictureResult:
        """Read one file; what is wrong with it is in the result, not raised."""
        try:
            picture = read_picture(path)
        except AgentError as error:
            return PictureResult(str(path), error=str(error))
        faces = self._faces(picture)
        return PictureResult(str(path), picture.width, picture.height, tuple(faces))

    def _faces(self, picture: Picture) -> Iterator[FaceResult]:
        if self._detector is None:
            whole = Box(0, 0, picture.width, picture.height)
            yield FaceResult(whole, None, self._reader.read_whole(picture.image), None)
            return
        faces = self._detector.detect(picture.image)
        readings = self._reader.read(picture.image, faces, doubtful=True)
        for face, reading in zip(faces, readings, strict=True):
            if reading.scores is not None:
                box = picture.in_file(face.box)
                yield FaceResult(box, face.score, reading.scores, reading.reason)


def classify(
    paths: Sequence[str], settings: Settings, detect: bool = True
) -> Iterator[PictureResult]:
    """Read files and the pictures of folders, in order; raises `AgentError` if nothing can run."""
    reader = PictureReader(settings, detect)
    for path in map(Path, paths):
        try:
            files = pictures_in(path) if path.is_dir() else [path]
        except AgentError as error:
            yield PictureResult(str(path), error=str(error))
            continue
        for file in files:
            yield reader.read(file)


def _in_words(face: FaceResult) -> str:
    x, y, width, height = face.box.rounded()
    place = f"face at {x},{y} ({width}x{height})"
    sure = f"{face.scores.emotion} {100 * face.scores.confidence:.0f} %"
    if face.reason:
        return f"{place}: {UNKNOWN} ({face.reason}; perhaps {sure})"
    return f"{place}: {sure}"
