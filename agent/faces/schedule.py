"""When to look for faces in the whole picture, when only near the known ones, and when not at all.

Pure: time, motion and the state of the tracks are arguments. What shows must be told soon, so the
whole picture is searched at once where something is unclear (a track is missed, or new and not yet
believed), soon again while one is missing, and seldom otherwise. Where something moves that is no
known face, a quick network soon tells whether that may be one. Known faces are looked at as often
as helps a decision, and less often while they show what is decided already.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

FULL_AGE: Final = 0.5
"""Seconds after which the next look searches the whole picture, whatever moves; where known faces
alone have moved, a glance will do that, if there is a network for it."""
STILL_AGE: Final = 1.0
"""The longest between two searches, with `NEAR_AGE`. Where nothing at all has changed not even a
glance comes before: whoever comes changes something, unless it is a face that turns to the camera
too small or too pale to show."""
MOVED_AGE: Final = 0.2
"""Seconds after which something that moves and is no known face is looked at: by a glance over the
picture where there is a network for that, which a search follows where it may be a face, or else by
a search at once."""
NEAR_AGE: Final = 1 / 16
"""Seconds between two looks while all is clear: as often as a camera of 15 frames a second can."""
CALM_AGE: Final = 0.1
"""Seconds between two looks at faces of which nothing is about to be decided; at 15 frames a second
every other frame. The first look that shows something else ends the calm."""
ALIKE_AGE: Final = 0.3
"""The same while each face looks as it did at the last look, so that the same would be read."""
CROWD_AGE: Final = 0.1
"""Seconds between two searches of the whole picture for faces that are not looked at singly."""
SCENE: Final = 0.4
"""Share of the picture that changes from one scene to the next where a film is cut."""

_TICK: Final = 1e-6  # a frame's tick of rounding must not cost a whole frame of waiting


class Look(Enum):
    """What is searched for faces in a frame."""

    WHOLE = "whole"
    GLANCE = "glance"
    """The whole picture by a quick network, which only tells whether there may be a new face."""
    NEAR = "near"
    NONE = "none"


@dataclass(frozen=True)
class Scene:
    """What is known of a frame before anybody looks for faces in it."""

    time: float
    """Frame time in seconds."""
    settled: bool = True
    """Every track is believed and was found by the last look."""
    missing: bool = False
    """Every track is believed, and one was not found by the last look."""
    faces: int = 0
    """Tracks that are followed."""
    nearable: bool = False
    """Their faces can be looked at singly."""
    moved: bool = False
    """Something that is no known face looks otherwise than when the whole picture was searched."""
    glanceable: bool = False
    """A quick network can glance over the picture."""
    cut: float = 0.0
    """Share of the picture that has changed since the scene before."""
    still: bool = False
    """Nothing, known faces included, looks otherwise than when the whole picture was searched."""
    calm: bool = False
    """The last look at each face showed what is decided about it."""
    alike: bool = False
    """Each face still looks as it did then."""


class Schedule:
    """The schedule of one source.

    >>> schedule = Schedule()
    >>> [schedule.look(Scene(i / 10, faces=1, nearable=True)).value for i in range(7)]
    ['whole', 'near', 'near', 'near', 'near', 'whole', 'near']
    """

    def __init__(self, every: int | Literal["auto"] = "auto") -> None:
        """`every` n-th frame is searched as a whole and no other; `auto` is as above."""
        self._every = every
        self._frames = 0
        self._searched: float | None = None
        self._looked = self._glanced = self._seen = 0.0
        self._cut: float | None = None

    def rests(self, time: float, settled: bool, calm: bool = False) -> bool:
        """Whether this frame need not even be seen, so soon after the last one that was."""
        if self._searched is None or not settled:
            return False
        if calm and 0 <= time - max(self._looked, self._seen) + _TICK < CALM_AGE:
            return True
        return 0 <= time - self._looked + _TICK < NEAR_AGE

    def is_due(self, time: float, settled: bool, calm: bool) -> bool:
        """Whether known faces will be looked at in this frame, whatever it shows."""
        waited = time - self._looked + _TICK
        return not (settled and calm and 0 <= waited < ALIKE_AGE)

    def look(self, scene: Scene) -> Look:
        """What to search in this frame; the answer counts as done."""
        if self._every != "auto":
            look = self._nth(self._every)
        elif self.rests(scene.time, scene.settled, scene.calm):
            look = Look.NONE
        else:
            look = self._auto(scene)
            self._seen = scene.time
        if look is Look.WHOLE:
            self.searched(scene.time)
        elif look is Look.GLANCE:
            self._glanced = scene.time
        return look

    def look_beside(self, scene: Scene) -> Look:
        """What else to look at in a frame in which a glance showed nothing."""
        due = (ALIKE_AGE if scene.alike else CALM_AGE) if scene.calm else 0.0
        rested = scene.time - self._looked + _TICK >= due
        if not (scene.nearable and rested):
            return Look.NONE
        self._looked = scene.time
        return Look.NEAR

    def searched(self, time: float) -> None:
        """The whole picture was searched at `time`, though only a smaller look was asked for."""
        self._searched = self._looked = self._glanced = time

    def _nth(self, every: int) -> Look:
        self._frames += 1
        return Look.WHOLE if (self._frames - 1) % every == 0 else Look.NONE

    def _auto(self, scene: Scene) -> Look:
        if self._searched is None or self._is_new_cut(scene):
            return Look.WHOLE
        age = scene.time - self._searched + _TICK
        if scene.missing and scene.nearable and 0 <= age < MOVED_AGE:
            self._looked = scene.time
            return Look.NEAR
        if not scene.settled:
            return Look.WHOLE
        if scene.moved:
            due, glance = (FULL_AGE if scene.glanceable else MOVED_AGE), MOVED_AGE
        else:
            due, glance = (STILL_AGE if scene.glanceable else FULL_AGE), FULL_AGE
        if scene.still:
            due = glance = STILL_AGE
        if scene.faces and not scene.nearable:
            due = min(due, CROWD_AGE)
        if age >= due or age < 0:
            return Look.WHOLE
        if scene.glanceable and scene.time - self._glanced + _TICK >= glance:
            return Look.GLANCE
        return self.look_beside(scene)

    def _is_new_cut(self, scene: Scene) -> bool:
        """Whether the scene begins here. What goes on changing (a cross-fade, a camera that shakes)
        is no cut in every frame, but something that moves.
        """
        if scene.cut < SCENE:
            return False
        goes_on = self._cut is not None and 0 <= scene.time - self._cut + _TICK < MOVED_AGE
        self._cut = scene.time
        return not goes_on
