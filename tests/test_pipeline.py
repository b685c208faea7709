"""The pipeline's bookkeeping, driven by scripted faces and scores so that every frame is known.

The real detectors and the real model run through it in `tests/integration/test_footage.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from time import monotonic

import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Crop
from agent.emotion.preprocess import Preprocessing
from agent.pipeline import Pipeline
from agent.reading import FaceReader
from agent.settings import EmotionSettings, FacesSettings, Settings
from agent.types import Box, EmotionEvent, Face, Frame, Image

FPS = 10
PICTURE = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
LEFT, RIGHT = Face(Box(20, 60, 80, 80), 0.9), Face(Box(200, 60, 80, 80), 0.9)


class ScriptedDetector:
    """Returns the faces it is told, and counts how often it is asked."""

    name = "scripted"
    side = 640

    def __init__(self) -> None:
        self.faces: Sequence[Face] = ()
        self.calls = 0

    def detect(self, image: Image) -> list[Face]:
        self.calls += 1
        return list(self.faces)


class ScriptedRuntime:
    """Reads every crop as the emotion it is told, and keeps the sizes of its batches."""

    kind = "scripted"
    model = "scripted@1"

    def __init__(self) -> None:
        self.emotion = "neutral"
        self.batches: list[int] = []

    def predict(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.batches.append(len(crops))
        row = np.full(len(EMOTIONS), 0.01, np.float32)
        row[EMOTIONS.index(self.emotion)] = 0.93
        return np.tile(row, (len(crops), 1))

    def close(self) -> None:
        pass


class Stage:
    """A pipeline with scripted parts, played second by second."""

    def __init__(self, detect_every: int = 1) -> None:
        faces = FacesSettings(min_hits=1, max_missed=0.5, detect_every=detect_every)
        emotion = EmotionSettings(smoothing=0.0, dwell=0.2, unknown_dwell=1.0)
        self.detector, self.runtime = ScriptedDetector(), ScriptedRuntime()
        reader = FaceReader(self.runtime, Preprocessing(), Crop(margin=0.1), faces)
        settings = Settings(device="board", faces=faces, emotion=emotion)
        self.pipeline = Pipeline(settings, "film", self.detector, reader)
        self.index = 0

    def show(
        self, seconds: float, *faces: Face, emotion: str = "neutral", image: Image = PICTURE
    ) -> list[EmotionEvent]:
        self.detector.faces, self.runtime.emotion = faces, emotion
        events = []
        for _ in range(round(seconds * FPS)):
            now = datetime(2026, 1, 1, tzinfo=timezone.utc)
            frame = Frame(image, self.index, self.index / FPS, monotonic(), now)
            events += self.pipeline.process(frame)
            self.index += 1
        return events


def test_a_face_starts_changes_and_ends() -> None:
    stage = Stage()
    (started,) = stage.show(1, LEFT)
    (changed,) = stage.show(1, LEFT, emotion="happiness")
    (ended,) = stage.show(2)
    assert [(e.type, e.emotion, e.previous) for e in (started, changed, ended)] == [
        ("started", "neutral", None),
        ("changed", "happiness", "neutral"),
        ("ended", "happiness", None),
    ]
    assert {e.track for e in (started, changed, ended)} == {1}
    assert len({e.id for e in (started, changed, ended)}) == 3
    assert (changed.device, changed.source, changed.model) == ("board", "film", "scripted@1")
    assert changed.confidence == pytest.approx(0.93)
    assert 0 <= changed.latency_ms < 60_000


def test_the_faces_of_a_frame_go_to_the_runtime_as_one_batch() -> None:
    stage = Stage()
    stage.show(1, LEFT, RIGHT)
    assert set(stage.runtime.batches) == {2}


def test_every_face_has_its_own_decision() -> None:
    stage = Stage()
    events = stage.show(1, LEFT, RIGHT)
    assert sorted(e.track for e in events) == [1, 2]
    (gone,) = stage.show(1, RIGHT)
    assert gone.type == "ended"
    assert gone.track != stage.pipeline.tracks[0].id


def test_a_face_too_small_to_read_becomes_unknown_and_is_not_classified() -> None:
    stage = Stage()
    (event,) = stage.show(3, Face(Box(100, 100, 15, 15), 0.9))
    assert (event.type, event.emotion, event.reason) == ("started", "unknown", "small")
    assert event.confidence == 0
    assert sum(event.probabilities.values()) == pytest.approx(1)
    assert stage.runtime.batches == []


def test_a_dark_picture_is_told_as_dark() -> None:
    stage = Stage()
    stage.show(1, LEFT)
    (event,) = stage.show(3, LEFT, image=PICTURE // 40)
    assert (event.type, event.emotion, event.reason) == ("changed", "unknown", "dark")


def test_between_detections_tracks_are_predicted_and_not_lost() -> None:
    stage = Stage(detect_every=5)
    events = stage.show(4, LEFT, emotion="surprise")
    assert stage.detector.calls == 8
    assert [(e.type, e.emotion) for e in events] == [("started", "surprise")]


def test_finishing_ends_what_is_held_and_only_that() -> None:
    stage = Stage()
    assert stage.pipeline.finish() == []
    stage.show(1, LEFT)
    stage.show(0.1, LEFT, RIGHT)  # the second face came too late to be decided
    (ended,) = stage.pipeline.finish()
    assert (ended.type, ended.track) == ("ended", 1)
    assert stage.pipeline.finish() == []


def test_a_frame_without_faces_asks_the_runtime_nothing() -> None:
    stage = Stage()
    assert stage.show(1) == []
    assert stage.runtime.batches == []
