"""The nouns that every room shares: frames, faces, tracks, scores, events."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS

Image = npt.NDArray[np.uint8]
"""H x W x 3, BGR, as OpenCV reads it."""

Point = tuple[float, float]
"""x, y in pixels from the top left corner."""

Reason = Literal["small", "blurred", "turned", "dark", "undecided"]
"""Why a face is read as `unknown`."""


class Encoded(Protocol):
    """A picture that is decoded when somebody asks, and only as far; any thread may ask."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    def reduced(self, share: float) -> tuple[Image, int]:
        """The picture with at least that share of its width and height (1 for all of it), and how
        many of its pixels one stands for, across and down. Never written again.
        """
        ...

    @property
    def glimpse(self) -> Image:
        """A small grey copy (H x W), all of the picture at a fraction of its size."""
        ...


@dataclass(frozen=True)
class Frame:
    """One picture from a source."""

    picture: Image | Encoded
    """Its pixels, or what they are decoded from."""
    index: int
    """Counted by the source from 0; dropped frames are counted too."""
    time: float
    """Seconds on the source's clock, never going back: monotonic time for a live source, time in
    the film for a file. The tracker and the decision know no other clock."""
    captured: float
    """`time.monotonic()` when the frame came into this process; latency is counted from here."""
    wall: datetime
    """When it was captured, in UTC."""

    @property
    def image(self) -> Image:
        """All of it, decoded now if it was not yet."""
        return self.reduced(1.0)[0]

    def reduced(self, share: float) -> tuple[Image, int]:
        """At least that share of its width and height, for less than all of it may cost, and how
        many of its pixels one stands for, across and down.
        """
        if isinstance(self.picture, np.ndarray):
            return self.picture, 1
        return self.picture.reduced(share)

    @property
    def glimpse(self) -> Image:
        """As much of it as tells whether something has changed, for less than `image` may cost: a
        smaller grey copy (H x W), or all of it where it is there anyway.
        """
        return self.picture if isinstance(self.picture, np.ndarray) else self.picture.glimpse

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        if isinstance(self.picture, np.ndarray):
            height, width = self.picture.shape[:2]
            return width, height
        return self.picture.size


@dataclass(frozen=True)
class Box:
    """A bounding box in pixels; may reach beyond the picture."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> Point:
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def side(self) -> float:
        """The longer side."""
        return max(self.width, self.height)

    @property
    def area(self) -> float:
        return self.width * self.height

    def iou(self, other: Box) -> float:
        """Intersection over union, 0 to 1."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if across <= 0 or down <= 0:
            return 0.0
        common = across * down
        return common / (self.area + other.area - common)

    def scaled(self, factor: float) -> Box:
        """In pixels of which so many stand for one."""
        return Box(self.x * factor, self.y * factor, self.width * factor, self.height * factor)

    def rounded(self) -> list[int]:
        """`[x, y, width, height]` in whole pixels, as events carry it."""
        return [round(self.x), round(self.y), round(self.width), round(self.height)]


@dataclass(frozen=True)
class Landmarks:
    """Points of a face that every detector with landmarks finds; left and right of the picture."""

    left_eye: Point
    right_eye: Point
    nose: Point
    mouth: Point
    """Centre of the mouth."""

    @property
    def roll(self) -> float:
        """How far the face is tilted in the picture, in degrees; positive with the right eye
        lower.
        """
        (ax, ay), (bx, by) = self.left_eye, self.right_eye
        return math.degrees(math.atan2(by - ay, bx - ax))


@dataclass(frozen=True)
class Face:
    """What a detector found in one frame."""

    box: Box
    score: float
    """The detector's confidence, 0 to 1."""
    landmarks: Landmarks | None = None

    def scaled(self, factor: float) -> Face:
        """In pixels of which so many stand for one."""
        if factor == 1:
            return self
        marks = self.landmarks
        if marks is not None:
            points = (marks.left_eye, marks.right_eye, marks.nose, marks.mouth)
            marks = Landmarks(*((x * factor, y * factor) for x, y in points))
        return Face(self.box.scaled(factor), self.score, marks)


@dataclass(frozen=True)
class Track:
    """One face followed through frames."""

    id: int
    """Counted from 1 within a run; never used twice."""
    face: Face | None
    """The detection that carries the track in this frame; None where it was missed."""
    box: Box
    """The box, predicted where the face was missed."""
    started: float
    """Frame time of the first detection, in seconds."""
    seen: float
    """Frame time of the last detection, in seconds."""
    hits: int
    """Detections so far."""
    misses: int = 0
    """Detection runs without it since `seen`."""


@dataclass(frozen=True)
class Scores:
    """Calibrated probabilities of the eight emotions, in FER+ order."""

    probabilities: npt.NDArray[np.float32]
    """8 values that sum to one."""

    @property
    def emotion(self) -> str:
        return EMOTIONS[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        return float(self.probabilities.max())

    def by_name(self) -> dict[str, float]:
        """Rounded to four places, in FER+ order."""
        return {n: round(float(p), 4) for n, p in zip(EMOTIONS, self.probabilities, strict=True)}


EventType = Literal["started", "changed", "ended"]


@dataclass(frozen=True)
class EmotionEvent:
    """A decision about one track, as every sink gets it."""

    id: str
    type: EventType
    time: datetime
    """Capture time of the deciding frame, UTC."""
    device: str
    source: str
    frame: int
    track: int
    box: Box
    emotion: str
    """One of the eight emotions, or `unknown`."""
    previous: str | None
    confidence: float
    probabilities: dict[str, float] = field(repr=False)
    reason: Reason | None
    """Why the emotion is `unknown`; None for the eight."""
    latency_ms: float
    """From the frame's capture to this event."""
    model: str
    picture: tuple[int, int] | None = None
    """Width and height of the frame in pixels; not in the JSON."""

    def as_dict(self) -> dict[str, Any]:
        """The event as JSON carries it (one object a line in `--events`)."""
        return {
            "id": self.id,
            "type": self.type,
            "time": self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "device": self.device,
            "source": self.source,
            "frame": self.frame,
            "track": self.track,
            "box": self.box.rounded(),
            "emotion": self.emotion,
            "previous": self.previous,
            "confidence": round(self.confidence, 4),
            "probabilities": self.probabilities,
            "reason": self.reason,
            "latency_ms": round(self.latency_ms, 2),
            "model": self.model,
        }
