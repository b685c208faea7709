"""Everything that has an end: films, pictures and the demo, played once or over and over."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Final, Literal, NamedTuple, Protocol

from typing_extensions import Self

from agent.errors import SourceError
from agent.sources.source import SourceState
from agent.types import Frame, Image

_CATCH_UP: Final = 0.5
"""Seconds that one read may spend on decoding frames whose time has passed."""


class Shot(NamedTuple):
    """One picture of a reel."""

    time: float
    """Seconds since the reel's first picture."""
    image: Image


class Reel(Protocol):
    """Pictures with times, that can be played from the start as often as wanted."""

    @property
    def interval(self) -> float:
        """Seconds that the last picture stays before the reel begins again; known once a pass
        has begun.
        """
        ...

    def play(self) -> Generator[Shot, None, None]:
        """One pass, decoded as it goes; times ascend. Raises `SourceError` if it cannot be read."""
        ...


class Clock(Protocol):
    """The part of the module `time` that playing needs."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


class Playback:
    """A `Source` that plays a reel; belongs to one thread.

    With pace `none` every frame is read in order, at the reader's speed: the same frames with the
    same times at each run. With pace `real` the reel plays at its own rate; frames that the reader
    was too slow for are dropped and counted. A machine too slow to decode the reel at its own rate
    plays it slower. Times and indices go on when the reel begins again.
    """

    trouble: Final = None
    hung: Final = False  # a file that blocks blocks its reader, who then feeds no watchdog

    def __init__(
        self,
        name: str,
        open_reel: Callable[[], Reel],
        pace: Literal["real", "none"],
        loop: bool,
        clock: Clock = time,
    ) -> None:
        """`open_reel` is called on entering and may raise `SourceError`."""
        self.name = name
        self._open_reel = open_reel
        self._paced = pace == "real"
        self._loop = loop
        self._clock = clock
        self._shots: Generator[Shot, None, None] | None = None
        self._next: Shot | None = None
        self._error: SourceError | None = None
        self._index = 0
        self._began = 0.0
        self._dropped = 0
        self._state = SourceState.OPENING

    def __enter__(self) -> Self:
        self._shots = self._played(self._open_reel())
        self._next = next(self._shots, None)
        if self._next is None:
            raise SourceError(f"{self.name}: no picture could be read")
        self._began = self._clock.monotonic()
        self._state = SourceState.LIVE
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._state, self._next = SourceState.ENDED, None
        if self._shots is not None:
            self._shots.close()

    @property
    def state(self) -> SourceState:
        return self._state

    @property
    def dropped(self) -> int:
        return self._dropped

    @property
    def reopened(self) -> int:
        return 0

    def read(self, timeout: float) -> Frame | None:
        shot = self._next
        if self._error is not None and shot is None:
            error, self._error = self._error, None
            raise error
        if shot is None:
            return None
        if not self._paced:
            index = self._index
            self._following()
            return self._stamped(shot, index, self._clock.monotonic())
        due = self._began + shot.time
        wait = due - self._clock.monotonic()
        if wait > 0:
            self._clock.sleep(min(wait, timeout))
            if wait > timeout:
                return None
        return self._newest(shot)

    def _newest(self, shot: Shot) -> Frame:
        """The last frame that is due, passing over those before it."""
        entered = self._clock.monotonic()
        now = max(entered - self._began, shot.time)
        index = self._index
        following = self._following()
        while following is not None and following.time <= now:
            if self._clock.monotonic() - entered > _CATCH_UP:
                self._began += now - following.time
                break
            self._dropped += 1
            shot, index = following, self._index
            following = self._following()
        return self._stamped(shot, index, self._began + shot.time)

    def _stamped(self, shot: Shot, index: int, captured: float) -> Frame:
        age = max(0.0, self._clock.monotonic() - captured)
        wall = datetime.now(timezone.utc) - timedelta(seconds=age)
        return Frame(shot.image, index, shot.time, captured, wall)

    def _following(self) -> Shot | None:
        """Decode one shot ahead, so that the next read can return it in time."""
        if self._shots is None:
            return None
        try:
            self._next = next(self._shots, None)
        except SourceError as error:
            self._next, self._error = None, error
        self._index += 1
        if self._next is None:
            self._state = SourceState.ENDED
        return self._next

    def _played(self, reel: Reel) -> Generator[Shot, None, None]:
        """The passes over a reel, one after the other, on one time line."""
        start = 0.0
        while True:
            last: float | None = None
            with closing(reel.play()) as shots:
                for shot in shots:
                    last = start + shot.time
                    yield Shot(last, shot.image)
            if last is None or not self._loop:
                return
            start = last + reel.interval
