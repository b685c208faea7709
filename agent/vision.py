"""Puts detector, model and pipeline together as the settings say."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from agent.calibration import Calibration
from agent.emotion.prior import prior_for
from agent.faces.detectors import open_detector, open_near
from agent.pipeline import Pipeline
from agent.reading import FaceReader
from agent.runtimes.opening import open_runtime
from agent.runtimes.runtime import Remote
from agent.settings import Settings
from agent.stages import StageClock
from agent.status import RemoteReading, StatusBoard


@dataclass(frozen=True)
class Vision:
    """The parts that turn frames into events, ready to run."""

    pipeline: Pipeline
    about: str
    """Which detector and which model on which engine, in words."""


def open_vision(
    settings: Settings,
    source: str,
    stack: ExitStack,
    clock: StageClock | None = None,
    board: StatusBoard | None = None,
    calibration: Calibration | None = None,
) -> Vision:
    """Load detector and model; `stack` closes them. Raises `AgentError` for what is missing."""
    board = board or StatusBoard()
    stack.callback(board.forget, "runtime")
    opened = open_runtime(settings.runtime, lambda words: board.report("runtime", words))
    stack.callback(opened.runtime.close)
    board.remote = opened.runtime.remote if isinstance(opened.runtime, Remote) else RemoteReading
    detector = open_detector(settings.faces, settings.runtime.threads)
    manifest = opened.manifest
    reader = FaceReader(
        opened.runtime,
        manifest.preprocessing,
        manifest.crop_for(detector.name),
        settings.faces,
        clock,
        prior_for(settings.emotion, manifest),
    )
    if calibration is not None:
        calibration.use_for(opened.runtime.model)
        reader.calibration = calibration
    near = open_near(settings.faces, settings.runtime.threads)
    pipeline = Pipeline(settings, source, detector, reader, clock, near)
    about = f"{detector.name} faces, {opened.runtime.model} on {opened.runtime.kind}"
    return Vision(pipeline, about)
