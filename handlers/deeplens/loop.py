"""The board's inference loop: newest frame, faces, expressions, decision, and who is told."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import awscam

from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError, SourceError
from agent.faces.haar import CASCADE, Haar
from agent.pipeline import Pipeline
from agent.reading import FaceReader
from agent.types import Frame
from handlers.deeplens.cues import Cues
from handlers.deeplens.expressions import AwscamRuntime
from handlers.deeplens.local_display import LocalDisplay, drawn
from handlers.deeplens.publisher import Publisher

ROOT: Final = Path(__file__).resolve().parents[2]
"""Where the zip was unpacked."""
RESTART: Final = 15.0
"""Seconds from an error to the next run, unless `EMOTION_AGENT_RESTART_SECONDS` says otherwise."""

logger = logging.getLogger(__name__)


def run_for_good(publisher: Publisher | None = None) -> None:
    """Run until something fails, tell it, and leave a timer that begins again.

    `publisher` is that of the run before, with the messages that the core has not taken yet.
    """
    pause = float(os.environ.get("EMOTION_AGENT_RESTART_SECONDS", RESTART))
    try:
        thing = os.environ["AWS_IOT_THING_NAME"]
        publisher = publisher or Publisher(thing)
        project = read_project(ROOT / "project.json")
        project.settings.device = thing
        watch(project, publisher)
    except Exception as error:  # the device expects of its functions that they never end
        reason = f"{type(error).__name__}: {error}"
        logger.error("%s; the next try is in %g s", reason, pause)
        if publisher is not None:
            publisher.publish({"type": "failed", "error": reason, "restart_seconds": pause})
    threading.Timer(pause, run_for_good, [publisher]).start()


def read_project(path: Path) -> SimpleNamespace:
    """What was packed with the code: `settings`, `model`, `optimizer`, `side`, `crop`, `labels`.

    Raises `ModelError` where the file is missing or damaged.
    """
    try:
        with path.open(encoding="utf-8") as stream:
            project = json.load(stream, object_hook=lambda table: SimpleNamespace(**table))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: {error}; install the whole zip again") from None
    return project  # type: ignore[no-any-return]


def watch(project: SimpleNamespace, publisher: Publisher) -> None:
    """Read the camera's frames; only an error ends it, and the tracks with it."""
    settings = project.settings
    cascade = ROOT / CASCADE
    detector = Haar(settings.faces.min_score, settings.faces.detect_side, cascade)
    runtime = AwscamRuntime(project)
    reader = FaceReader(runtime, Preprocessing(project.side), project.crop, settings.faces)
    pipeline = Pipeline(settings, "deeplens", detector, reader)
    cues = Cues(settings.audio, ROOT / "cues")
    publisher.publish({"type": "ready", "device": settings.device, "model": runtime.model})
    display = LocalDisplay(os.environ.get("EMOTION_AGENT_DISPLAY"))
    display.start()
    try:
        for index in count():
            frame = newest_frame(index)
            for event in pipeline.process(frame):
                publisher.publish(event.as_dict())
                cues.hear(event, time.monotonic())
            publisher.flush()
            if display.watched():
                display.show(drawn(frame.image, pipeline.shown, display.size))
    finally:
        for event in pipeline.finish():
            publisher.publish(event.as_dict())
        display.close()


def newest_frame(index: int) -> Frame:
    """The camera's newest frame; raises `SourceError` where it gives none."""
    given: Any = awscam.getLastFrame()
    whole, image = given
    if not whole or image is None:
        raise SourceError("awscam: the camera gives no frame")
    now = time.monotonic()
    return Frame(image, index, now, now, datetime.now(timezone.utc))
