"""Finds the faces of a source's frames, with no more work than the schedule asks for."""

from __future__ import annotations

import math
from typing import Literal

from agent.faces.detector import FaceDetector
from agent.faces.region import MOST, SMALLEST, NearDetector
from agent.faces.schedule import Look, Scene, Schedule
from agent.faces.stirring import FINE, Thumbnail, alike, changed, outside, portrait, thumbnail
from agent.types import Box, Face, Frame


class Lookout:
    """A detector on a schedule, with a second one for faces that are known already."""

    def __init__(
        self,
        detector: FaceDetector,
        near: NearDetector | None = None,
        every: int | Literal["auto"] = 1,
        detail: float = math.inf,
    ) -> None:
        """Without `near`, the whole picture is searched for known faces too, only less often.
        Whoever reads the faces found wants `detail` pixels a side of each, if there are so many.
        """
        self._detail = detail
        self._detector = detector
        self._near = near
        self._watches = every == "auto"
        self._schedule = Schedule(every)
        self._last: Thumbnail | None = None
        self._searched: Thumbnail | None = None
        self._portraits: list[tuple[Box, Thumbnail]] = []
        """Where each face was at the last look, and what it looked like."""
        self.looks = dict.fromkeys(Look, 0)
        """How many frames were searched how."""

    def find(
        self,
        frame: Frame,
        known: list[Box],
        settled: bool,
        calm: bool = False,
        missing: bool = False,
    ) -> list[Face] | None:
        """The faces of a frame, or None where nobody looked.

        `known` are the boxes of the tracks; `settled` tells whether all of them are believed and
        were found by the last look, `calm` whether it showed what is decided about each, `missing`
        whether it missed one while none is new.
        """
        if self._watches and self._schedule.rests(frame.time, settled, calm):
            self.looks[Look.NONE] += 1
            return None
        scene = (
            self._scene(frame, known, settled, calm, missing)
            if self._watches
            else Scene(frame.time)
        )
        asked = look = self._schedule.look(scene)
        faces: list[Face] | None = None
        if asked is Look.GLANCE:
            suspected = self._suspects(frame, known)
            look = Look.WHOLE if suspected else self._schedule.look_beside(scene)
        if look is Look.NEAR:
            faces = self._find_near(frame, known, missing)
            look = Look.WHOLE if faces is None else look
        if look is Look.WHOLE:
            image, scale = frame.reduced(self._enough(frame, known, near=False))
            faces = [face.scaled(scale) for face in self._detector.detect(image)]
            self._searched = self._last
            if asked is not Look.WHOLE:
                self._schedule.searched(frame.time)
        if self._watches and faces is not None:
            seen = faces if self._near is not None and len(faces) <= MOST else []
            self._portraits = [(face.box, _portrait(frame, face.box)) for face in seen]
        self.looks[asked if asked is Look.GLANCE and look is not Look.WHOLE else look] += 1
        return faces

    def _scene(
        self, frame: Frame, known: list[Box], settled: bool, calm: bool, missing: bool
    ) -> Scene:
        if known and self._schedule.is_due(frame.time, settled, calm):
            frame.reduced(self._enough(frame, known, near=True))  # and a glimpse needs no decoding
        width, height = frame.size
        now, before, searched = thumbnail(frame.glimpse), self._last, self._searched
        self._last = now
        stirred = None if searched is None else changed(now, searched)
        nearable = (
            self._near is not None
            and 0 < len(known) <= MOST
            and min(box.side for box in known) >= SMALLEST
        )
        return Scene(
            time=frame.time,
            settled=settled,
            missing=missing,
            calm=calm,
            faces=len(known),
            alike=calm and nearable and len(self._portraits) == len(known) and self._alike(frame),
            nearable=nearable,
            moved=stirred is None or bool(outside(stirred, known, width, height).any()),
            still=stirred is not None and not stirred.any(),
            glanceable=self._near is not None and self._near.glances,
            cut=1.0 if before is None else float(changed(now, before).mean()),
        )

    def _enough(self, frame: Frame, known: list[Box], near: bool) -> float:
        """Share of the picture's size that will do for a search, or for looking near known faces,
        and for reading those that are known.
        """
        longer = max(frame.size)
        if self._near is not None and near:
            enough = self._near.enough(known, longer)
        else:
            enough = self._detector.side / longer
        return max([enough, *(self._detail / box.side for box in known)])

    def _suspects(self, frame: Frame, known: list[Box]) -> bool:
        if self._near is None:
            return True
        image, scale = frame.reduced(self._enough(frame, known, near=True))
        return self._near.suspects(image, [box.scaled(1 / scale) for box in known])

    def _find_near(self, frame: Frame, known: list[Box], missing: bool) -> list[Face] | None:
        if self._near is None:
            return None
        image, scale = frame.reduced(self._enough(frame, known, near=True))
        small = [box.scaled(1 / scale) for box in known]
        found = self._near.find(image, small, some=missing)
        return None if found is None else [face.scaled(scale) for face in found]

    def _alike(self, frame: Frame) -> bool:
        """Whether every face looks as it did, where it was, when it was looked at."""
        return all(alike(_portrait(frame, place), seen) for place, seen in self._portraits)


def _portrait(frame: Frame, box: Box) -> Thumbnail:
    """The portrait of a face, of a glimpse of the frame where that shows enough of it."""
    glimpse = frame.glimpse
    scale = glimpse.shape[1] / frame.size[0]
    if box.side * scale < FINE:
        return portrait(frame.image, box)
    return portrait(glimpse, box.scaled(scale))
