"""The schedule saves work and changes nothing that is told: events as with every frame searched."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import pytest

from agent.faces.schedule import Look
from agent.settings import Settings
from agent.sources.jpeg import Jpeg
from agent.sources.opening import open_source
from agent.types import EmotionEvent, Frame
from agent.vision import open_vision
from tests.patience import PATIENCE

DemoFile = Callable[[str], Path]
TOLERANCE = 0.2  # seconds of the film

GIFS = (
    "intel_head-pose-face-detection-female",
    "intel_head-pose-face-detection-male",
    "intel_head-pose-face-detection-female-and-male",
    "intel_classroom",
    "intel_face-demographics-walking",
)


@dataclass
class Told:
    """What a run over a film told."""

    events: list[tuple[EmotionEvent, float]]
    """Each with the frame's time in the film."""
    searched: int
    rested: int
    frames: int
    end: float
    """The last frame's time."""

    def by_track(self) -> list[tuple[EmotionEvent, float]]:
        """Without the last of them: the other way may tell those after the film's end."""
        early = [told for told in self.events if told[1] <= self.end - TOLERANCE]
        return sorted(early, key=lambda told: told[0].track)


def as_jpeg(frame: Frame) -> Frame:
    """The frame as a camera sends it by HTTP."""
    content = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    return replace(frame, picture=Jpeg(bytes(content)))


def watch(uri: str | Path, every: int | str, jpeg: bool = False) -> Told:
    settings = Settings.model_validate(
        {
            "source": {"uri": str(uri), "pace": "none", "loop": False},
            "faces": {"detect_every": every},
        }
    )
    source = open_source(settings.source)
    events: list[tuple[EmotionEvent, float]] = []
    time = 0.0
    with ExitStack() as stack:
        pipeline = open_vision(settings, source.name, stack).pipeline
        stack.enter_context(source)
        while (frame := source.read(timeout=PATIENCE)) is not None:
            time = frame.time
            seen = as_jpeg(frame) if jpeg else frame
            events += [(event, time) for event in pipeline.process(seen)]
        events += [(event, time) for event in pipeline.finish()]
        looks = pipeline.lookout.looks
    return Told(events, looks[Look.WHOLE], looks[Look.NONE], sum(looks.values()), time)


def check(uri: str | Path, jpeg: bool = False) -> Told:
    """Both ways must tell the same; what the schedule told, which may see JPEGs."""
    whole, saving = watch(uri, 1), watch(uri, "auto", jpeg)
    assert whole.frames == whole.searched == saving.frames
    expected, told = whole.by_track(), saving.by_track()
    kinds = [
        [(e.track, e.type, e.emotion, e.previous, e.reason) for e, _ in events]
        for events in (expected, told)
    ]
    assert kinds[1] == kinds[0]
    assert [t for _, t in told] == pytest.approx([t for _, t in expected], abs=TOLERANCE)
    for (one, _), (other, _) in zip(expected, told, strict=True):
        assert other.box.iou(one.box) > 0.5
    return saving


@pytest.mark.parametrize(("name", "jpeg"), [("single_face.mp4", True), ("no_face.mp4", False)])
def test_films_tell_the_same_with_a_quarter_of_the_searches(
    name: str, jpeg: bool, demo_file: DemoFile
) -> None:
    demo_file("blazeface-back")
    demo_file("blazeface-short-range")
    told = check(demo_file(name), jpeg)
    assert told.searched < told.frames / 4


def test_the_demo_with_its_cuts_and_fades_tells_the_same(demo_file: DemoFile) -> None:
    for name in ("grace_hopper.jpg", "astronaut.png", "single_face.mp4", "no_face.mp4"):
        demo_file(name)
    told = check("demo")
    assert len(told.events) >= 6
    assert told.searched < told.frames / 2


@pytest.mark.parametrize("name", GIFS)
def test_films_of_one_to_four_people_tell_the_same(name: str, shared: Path) -> None:
    told = check(shared / "footage" / f"{name}.gif")
    assert told.events
    assert told.searched < told.frames
    assert told.rested > told.frames / 4  # of 12 to 15 frames a second
