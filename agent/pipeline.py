"""The vision loop: a frame in, events out. Synchronous; no threads, no input or output."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import numpy as np

from agent.calibration import Sight
from agent.emotion.decision import Decision, Held
from agent.emotion.labels import EMOTIONS, UNKNOWN
from agent.faces.detector import FaceDetector
from agent.faces.lookout import Lookout
from agent.faces.region import NearDetector
from agent.faces.tracker import Tracker
from agent.reading import FaceReader
from agent.stages import StageClock
from agent.status import TrackStatus
from agent.types import EmotionEvent, EventType, Frame, Scores, Track

if TYPE_CHECKING:
    from agent.settings import Settings

_NO_SCORES: Final = Scores(np.full(len(EMOTIONS), 1 / len(EMOTIONS), np.float32))
"""What an event carries for a face that could never be read."""


@dataclass
class _Followed:
    """A track and what has been decided about it."""

    track: Track
    decision: Decision


class Pipeline:
    """Detection, tracking, reading and decision over the frames of one source."""

    def __init__(
        self,
        settings: Settings,
        source: str,
        detector: FaceDetector,
        reader: FaceReader,
        clock: StageClock | None = None,
        near: NearDetector | None = None,
    ) -> None:
        """`near` finds faces again that are followed already, cheaper than `detector` does."""
        self._settings = settings
        self._source = source
        self.lookout = Lookout(detector, near, settings.faces.detect_every, reader.detail)
        self._reader = reader
        self._clock = clock or StageClock()
        self._tracker = Tracker(settings.faces)
        self._followed: dict[int, _Followed] = {}
        self._last: Frame | None = None

    @property
    def tracks(self) -> list[Track]:
        """The tracks of the last frame."""
        return [followed.track for followed in self._followed.values()]

    @property
    def model(self) -> str:
        """Name and version of the expression model."""
        return self._reader.runtime.model

    @property
    def shown(self) -> tuple[TrackStatus, ...]:
        """What each track of the last frame shows."""
        return tuple(_shown(followed) for followed in self._followed.values())

    def process(self, frame: Frame) -> list[EmotionEvent]:
        """The events that a frame decides, in the order of the tracks; usually none."""
        self._last = frame
        with self._clock.stage("detect"):
            known = [followed.track.box for followed in self._followed.values()]
            calm = all(followed.decision.calm for followed in self._followed.values())
            tracker = self._tracker
            faces = self.lookout.find(frame, known, tracker.settled, calm, tracker.missing)
        with self._clock.stage("track"):
            if faces is None:
                tracking = self._tracker.predict(frame.time)
            else:
                tracking = self._tracker.update(faces, frame.time)
        events = [self._ended(track, frame) for track in tracking.ended]
        for track in tracking.tracks:
            followed = self._followed.setdefault(
                track.id, _Followed(track, Decision(self._settings.emotion))
            )
            followed.track = track
        if faces is not None:
            events += self._decide(frame)
        return [event for event in events if event is not None]

    def finish(self) -> list[EmotionEvent]:
        """End every track, as the source has ended or the agent stops."""
        if self._last is None:
            return []
        ended = [self._ended(track, self._last) for track in self._tracker.finish().ended]
        return [event for event in ended if event is not None]

    def _decide(self, frame: Frame) -> list[EmotionEvent]:
        seen = [f for f in self._followed.values() if f.track.face is not None]
        faces = [f.track.face for f in seen if f.track.face is not None]
        readings = self._reader.read(frame, faces)
        self._reader.calibration.take(
            frame.time,
            [
                Sight(f.track.id, f.track.box, r.own.probabilities if r.own is not None else None)
                for f, r in zip(seen, readings, strict=True)
            ],
        )
        events = []
        with self._clock.stage("decide"):
            for followed, reading in zip(seen, readings, strict=True):
                before = followed.decision.held
                if reading.reason is not None:
                    held = followed.decision.miss(frame.time, reading.reason)
                elif reading.scores is not None:
                    held = followed.decision.read(frame.time, reading.scores)
                else:
                    continue
                if held is not None:
                    kind: EventType = "changed" if before else "started"
                    events.append(self._event(kind, frame, followed, held, before))
        return events

    def _ended(self, track: Track, frame: Frame) -> EmotionEvent | None:
        """The end of a track; nothing for one that never showed anything."""
        followed = self._followed.pop(track.id, None)
        if followed is None or followed.decision.held is None:
            return None
        return self._event("ended", frame, followed, followed.decision.held, None)

    def _event(
        self, kind: EventType, frame: Frame, followed: _Followed, held: Held, before: Held | None
    ) -> EmotionEvent:
        return EmotionEvent(
            id=str(uuid4()),
            type=kind,
            time=frame.wall,
            device=self._settings.device,
            source=self._source,
            frame=frame.index,
            track=followed.track.id,
            box=followed.track.box,
            emotion=held.emotion,
            previous=before.emotion if before else None,
            confidence=followed.decision.confidence,
            probabilities=(followed.decision.scores or _NO_SCORES).by_name(),
            reason=held.reason,
            latency_ms=1000 * (monotonic() - frame.captured),
            model=self.model,
            picture=frame.size,
        )


def _shown(followed: _Followed) -> TrackStatus:
    held = followed.decision.held
    return TrackStatus(
        id=followed.track.id,
        emotion=held.emotion if held else UNKNOWN,
        confidence=followed.decision.confidence,
        reason=held.reason if held else "undecided",
        box=followed.track.box,
        scores=followed.decision.scores,
    )
