"""Follows faces from frame to frame, so that each keeps its number.

Predict, assign, correct, as in SORT (Bewley et al. 2016): see `motion` and `assignment`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from agent.faces.assignment import assign, distance
from agent.faces.motion import Motion
from agent.types import Box, Face, Track

if TYPE_CHECKING:
    from agent.settings import FacesSettings

_FARTHEST: Final = 1.3
"""Largest `distance` of a pair: boxes of one size up to 1.4 times their width apart."""
_MOST_GROWTH: Final = 2.0
"""Largest ratio of the sides of a pair."""
_SAME_FACE: Final = 0.7
"""Share of the smaller of two boxes that lies in the other one, when both show one face."""
_USUAL_GAPS: Final = 3.0
"""A gap this many times longer than the one before is a jump, if it is also beyond `max_missed`."""


@dataclass(frozen=True)
class Tracking:
    """What is followed after a frame."""

    tracks: list[Track]
    """The believed tracks that live, in the order of their numbers."""
    ended: list[Track] = field(default_factory=list)
    """The believed tracks that have ended since the last call, as they were last seen."""


class Tracker:
    """Tracks of the faces of one source. A track is believed, and gets its number, once it was
    detected `min_hits` times in a row.
    """

    def __init__(self, settings: FacesSettings) -> None:
        self._min_hits = settings.min_hits
        self._max_missed = settings.max_missed
        self._believed: list[_Path] = []
        self._tentative: list[_Path] = []
        self._given = 0
        self._time: float | None = None
        self._gap: float | None = None

    @property
    def settled(self) -> bool:
        """Whether every face is believed and was found by the last look."""
        return not self._tentative and not any(path.misses for path in self._believed)

    @property
    def missing(self) -> bool:
        """Whether a face was missed by the last look, and none is new."""
        return not self._tentative and any(path.misses for path in self._believed)

    def update(self, faces: list[Face], time: float) -> Tracking:
        """Take in the detections of the frame at `time`, in seconds.

        Time that goes back or leaps ahead (a camera that hung) ends
        every track.
        """
        ended = self._advance(time)
        faces = _without_doubles(faces)
        faces = _match(self._believed, faces, time)
        faces = _match(self._tentative, faces, time)
        for path in self._believed:
            path.misses += path.face is None
        ended += self._end(p for p in self._believed if self._lost(p, time))
        followed = [path for path in self._tentative if path.face is not None]
        self._tentative = followed + [_Path(face, time) for face in faces]
        self._believe()
        return self._tracking(ended)

    def predict(self, time: float) -> Tracking:
        """Move the tracks on to a frame that no detector looked at."""
        return self._tracking(self._advance(time))

    def finish(self) -> Tracking:
        """End every track; the next update begins afresh, numbers go on."""
        ended = self._end(list(self._believed))
        self._tentative = []
        self._time = self._gap = None
        return self._tracking(ended)

    def _advance(self, time: float) -> list[_Path]:
        """Let all tracks move to `time`; the ones that ended by it."""
        gap = 0.0 if self._time is None else time - self._time
        usual = gap if self._gap is None else _USUAL_GAPS * self._gap
        jumped = gap < 0 or gap > max(self._max_missed, usual)
        if self._time is not None:
            self._gap = max(gap, 0.0)
        self._time = time
        if jumped:
            self._tentative = []
            return self._end(list(self._believed))
        ended = self._end(p for p in self._believed if self._lost(p, time))
        for path in (*self._believed, *self._tentative):
            path.motion.advance(gap)
            path.face = None
        return ended

    def _lost(self, path: _Path, time: float) -> bool:
        """Only a detector that looked can have lost a face, however seldom it looks."""
        return path.misses > 0 and time - path.seen > self._max_missed

    def _end(self, paths: Iterable[_Path]) -> list[_Path]:
        ended = list(paths)
        self._believed = [path for path in self._believed if path not in ended]
        return ended

    def _believe(self) -> None:
        for path in [path for path in self._tentative if path.hits >= self._min_hits]:
            self._given += 1
            path.id = self._given
            self._tentative.remove(path)
            self._believed.append(path)

    def _tracking(self, ended: list[_Path]) -> Tracking:
        return Tracking(
            [path.track(path.motion.box) for path in self._believed],
            [path.track(path.last.box) for path in ended],
        )


class _Path:
    """One face on its way, believed or not."""

    def __init__(self, face: Face, time: float) -> None:
        self.id = 0
        self.face: Face | None = face
        self.last = face
        self.started = self.seen = time
        self.hits = 1
        self.misses = 0
        self.motion = Motion(face.box)

    def hit(self, face: Face, time: float) -> None:
        self.face = self.last = face
        self.seen = time
        self.hits += 1
        self.misses = 0
        self.motion.correct(face.box)

    def track(self, predicted: Box) -> Track:
        box = predicted if self.face is None else self.face.box
        return Track(self.id, self.face, box, self.started, self.seen, self.hits, self.misses)


def _match(paths: list[_Path], faces: list[Face], time: float) -> list[Face]:
    """Give each track its detection; the detections left over."""
    if not paths or not faces:
        return faces
    costs = [[_cost(path.motion.box, face.box) for face in faces] for path in paths]
    if len(paths) == len(faces) == 1:  # most frames of most cameras
        pairs = [(0, 0)] if costs[0][0] < _FARTHEST else []
    else:
        pairs = assign(np.array(costs), _FARTHEST)
    for i, j in pairs:
        paths[i].hit(faces[j], time)
    taken = {j for _, j in pairs}
    return [face for j, face in enumerate(faces) if j not in taken]


def _cost(expected: Box, found: Box) -> float:
    ratio = expected.side / max(found.side, 1e-6)
    if not 1 / _MOST_GROWTH <= ratio <= _MOST_GROWTH:
        return np.inf
    return distance(expected, found)


def _without_doubles(faces: list[Face]) -> list[Face]:
    """The faces, best first, without those that lie in a better one."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(_shared(face.box, other.box) < _SAME_FACE for other in kept):
            kept.append(face)
    return kept


def _shared(one: Box, other: Box) -> float:
    """Share of the smaller box that lies in the other."""
    iou = one.iou(other)
    common = iou * (one.area + other.area) / (1 + iou)
    smaller = min(one.area, other.area)
    return common / smaller if smaller else 1.0
