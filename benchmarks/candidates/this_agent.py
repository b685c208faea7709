"""The agent, from the frame to its events; `--option` changes settings (KEY=VALUE ...)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from importlib.metadata import version
from time import monotonic
from typing import Any

from agent.emotion.prior import prior_for
from agent.faces.detectors import open_detector
from agent.inference.pictures import PictureCropper, stacked
from agent.layers import load
from agent.runtimes.opening import open_runtime
from agent.settings import Settings
from agent.sources.pictures import Picture
from agent.stages import StageClock
from agent.types import Box, Frame
from agent.vision import open_vision
from benchmarks.candidates.measuring import Clock, Read, main


class _Processor(StageClock):
    """Counts the pipeline's stages by the processor's time, as for every other candidate."""

    to = Clock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        with self.to.stage(name):
            yield


class ThisAgent:
    """Detection, tracking, reading and decision, as `emotion-agent run` does it."""

    def __init__(self, option: str | None) -> None:
        changed = dict(pair.split("=", 1) for pair in (option or "").split())
        self._settings = load(overrides=changed, environment={})
        self._stages = _Processor()
        vision = open_vision(self._settings, "film", ExitStack(), self._stages)
        self._pipeline = vision.pipeline
        self._frames = 0
        self._stills: _Stills | None = None
        self.versions = {
            "emotion-agent": version("emotion-agent"),
            "LiteRT": version("ai-edge-litert"),
            "parts": vision.about,
        }

    def frame(self, image: Any, seconds: float, clock: Clock) -> list[Read]:
        """The faces that are followed, and what is decided about each."""
        self._stages.to = clock
        now = datetime.now(timezone.utc)
        self._pipeline.process(Frame(image, self._frames, seconds, monotonic(), now))
        self._frames += 1
        return [Read(_numbers(track.box), track.emotion) for track in self._pipeline.shown]

    def picture(self, image: Any) -> list[Read]:
        """As `emotion-agent classify` reads it, also where it would add that it is not sure."""
        self._stills = self._stills or _Stills(self._settings)
        return self._stills.read(image)


class _Stills:
    """Reads single pictures without tracking."""

    def __init__(self, settings: Settings) -> None:
        opened = open_runtime(settings.runtime)
        detector = open_detector(settings.faces, settings.runtime.threads)
        self._cropper = PictureCropper(detector, opened.manifest, settings.faces)
        self._runtime, self._side = opened.runtime, opened.manifest.input.side
        self._prior = prior_for(settings.emotion, opened.manifest)

    def read(self, image: Any) -> list[Read]:
        height, width = image.shape[:2]
        cropped = self._cropper.crop(Picture(image, width, height, scale=1.0))
        rows = self._runtime.predict(stacked(cropped.faces, self._side))
        rows = rows if self._prior is None else self._prior.apply(rows)
        return [
            Read(_numbers(face.box), face.scores.emotion) for face in cropped.read(list(rows)).faces
        ]


def _numbers(box: Box) -> tuple[float, float, float, float]:
    return box.x, box.y, box.width, box.height


if __name__ == "__main__":
    main(ThisAgent)
