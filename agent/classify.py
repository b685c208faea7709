"""Reads picture files once, without tracking: `emotion-agent classify`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.emotion.labels import UNKNOWN
from agent.emotion.prior import prior_for
from agent.errors import AgentError
from agent.faces.detectors import open_detector
from agent.inference.pictures import FaceResult, PictureCropper, PictureResult, stacked
from agent.runtimes.opening import open_runtime
from agent.settings import Settings
from agent.sources.pictures import pictures_in, read_picture


@dataclass(frozen=True)
class FileResult:
    """What was read in one file, or why nothing was."""

    path: str
    picture: PictureResult | None = None
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The result as `--json` prints it."""
        if self.picture is None:
            return {"path": self.path, "error": self.error}
        return {"path": self.path, **self.picture.as_dict()}

    def as_text(self) -> str:
        """The result in words, a line for each face."""
        if self.error is not None:
            return self.error if self.path in self.error else f"{self.path}: {self.error}"
        if self.picture is None or not self.picture.faces:
            return f"{self.path}: no face"
        return "\n".join(f"{self.path}: {_in_words(face)}" for face in self.picture.faces)


class FileReader:
    """Finds and reads the faces of picture files, one after the other."""

    def __init__(self, settings: Settings, detect: bool = True) -> None:
        self._runtime, manifest = open_runtime(settings.runtime)
        detector = open_detector(settings.faces, settings.runtime.threads) if detect else None
        self._cropper = PictureCropper(detector, manifest, settings.faces)
        self._side = manifest.input.side
        self._prior = prior_for(settings.emotion, manifest)

    def read(self, path: Path) -> FileResult:
        """Read one file; what is wrong with it is in the result, not raised."""
        try:
            cropped = self._cropper.crop(read_picture(path))
        except AgentError as error:
            return FileResult(str(path), error=str(error))
        rows = self._runtime.predict(stacked(cropped.faces, self._side))
        if self._prior is not None:
            rows = self._prior.apply(rows)
        return FileResult(str(path), cropped.read(list(rows)))


def classify(paths: Sequence[str], settings: Settings, detect: bool = True) -> Iterator[FileResult]:
    """Read files and the pictures of folders, in order; raises `AgentError` if nothing can run."""
    reader = FileReader(settings, detect)
    for path in map(Path, paths):
        try:
            files = pictures_in(path) if path.is_dir() else [path]
        except AgentError as error:
            yield FileResult(str(path), error=str(error))
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
