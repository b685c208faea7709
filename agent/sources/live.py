"""Everything that never ends: a camera, read by a thread that keeps only the newest frame."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from types import TracebackType
from typing import Final, Protocol

from typing_extensions import Self

from agent.errors import SourceError
from agent.sources.source import SourceState
from agent.types import Encoded, Frame, Image

log = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 1.5
"""Seconds between two attempts to open a camera; doubled after each that fails. An attempt costs
next to nothing, and who plugs a camera in wants to see it work."""
_MOST_MISSES: Final = 10
"""Reads in a row without a picture before a camera is opened again; one damaged JPEG is one."""
_MISS_PAUSE: Final = 0.05
_HUNG_AFTER: Final = 5.0
"""Seconds beyond its own limit after which a call into a camera counts as hung."""
_PATIENCE: Final = 1.0
"""Seconds that closing waits for a blocked camera."""
_LEAVING: Final = 9.0
"""Seconds that the end of the process waits for one, at most: with the usual timeouts it has come
back by then, and beyond them systemd would kill an agent that has done everything."""


class Camera(Protocol):
    """An open camera."""

    def read(self) -> Image | Encoded | None:
        """The next picture (H x W x 3 BGR uint8, never written again, or what it is decoded from);
        None if it was damaged, or none came within the camera's own timeout. Blocks, but not for
        ever.
        """
        ...

    def release(self) -> None:
        """Give the device or the connection back."""
        ...


class LiveSource:
    """A `Source` that keeps a camera open, whatever happens to it.

    Opening and reading may block, so both are done in a daemon thread. A camera that cannot be
    opened or that falls silent is opened again, with growing pauses; the log says why, once for
    each outage.
    """

    def __init__(
        self,
        name: str,
        open_camera: Callable[[], Camera],
        stalled_after: float,
        blocked_at_most: float,
    ) -> None:
        """`open_camera` raises `SourceError` with the reason where it cannot. Neither that nor
        `name` may hold a password. A source is `stalled` after so many seconds without a picture;
        opening and reading block for at most `blocked_at_most` seconds.
        """
        self.name = name
        self._open_camera = open_camera
        self._stalled_after = stalled_after
        self._blocked_at_most = blocked_at_most
        self._fresh = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"source {name}", daemon=True)
        self._frame: Frame | None = None
        self._arrived = 0
        self._dropped = 0
        self._openings = 0
        self._seen: float | None = None
        self._trouble: str | None = None
        self._called: float | None = None
        """When the call into the camera that has not come back yet was made."""

    def __enter__(self) -> Self:
        atexit.register(self._leave)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close(_PATIENCE)

    @property
    def state(self) -> SourceState:
        if self._stop.is_set():
            return SourceState.ENDED
        seen = self._seen
        if seen is None:
            return SourceState.OPENING
        silent = time.monotonic() - seen
        return SourceState.STALLED if silent > self._stalled_after else SourceState.LIVE

    @property
    def trouble(self) -> str | None:
        return self._trouble

    @property
    def hung(self) -> bool:
        called = self._called
        late = called is not None and time.monotonic() - called > (
            self._blocked_at_most + _HUNG_AFTER
        )
        return not self._stop.is_set() and (late or not self._thread.is_alive())

    @property
    def dropped(self) -> int:
        return self._dropped

    @property
    def reopened(self) -> int:
        return max(0, self._openings - 1)

    def read(self, timeout: float) -> Frame | None:
        with self._fresh:
            self._fresh.wait_for(lambda: self._frame is not None or self._stop.is_set(), timeout)
            frame, self._frame = self._frame, None
            return frame

    def _leave(self) -> None:
        # A thread that comes back from OpenCV into an interpreter that is gone aborts the process.
        self._close(min(self._blocked_at_most + _PATIENCE, _LEAVING))

    def _close(self, patience: float) -> None:
        with self._fresh:
            self._stop.set()
            self._frame = None
            self._fresh.notify_all()
        if self._thread.is_alive():
            self._thread.join(patience)

    def _run(self) -> None:
        try:
            self._watch_until_stopped()
        finally:
            atexit.unregister(self._leave)

    def _watch_until_stopped(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            if self._watch():
                pause = _FIRST_PAUSE
            self._stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _watch(self) -> bool:
        """Open the camera and read it until it fails or the source is closed; True if a picture
        came.
        """
        before = self._arrived
        self._called = time.monotonic()
        try:
            camera = self._open_camera()
        except SourceError as problem:
            self._complain(str(problem))
            return False
        except Exception:
            # Whatever a driver does, a dead thread would leave the agent blind for good.
            self._explain("opening failed; trying again")
            self._trouble = f"{self.name}: opening failed"
            return False
        finally:
            self._called = None
        self._openings += 1
        try:
            self._read_on(camera)
        except SourceError as problem:
            self._complain(str(problem))
        except Exception:
            self._explain("reading failed; opening it again")
        self._release(camera)
        if not self._stop.is_set():
            what = "no more pictures" if self._arrived > before else "no pictures"
            self._complain(f"{self.name}: sends {what}")
        return self._arrived > before

    def _release(self, camera: Camera) -> None:
        self._called = time.monotonic()
        try:
            camera.release()
        except Exception:
            self._explain("closing failed; opening it again")
        finally:
            self._called = None

    def _read_on(self, camera: Camera) -> None:
        misses = 0
        while not self._stop.is_set() and misses < _MOST_MISSES:
            asked = self._called = time.monotonic()
            picture = camera.read()
            now = time.monotonic()
            self._called = None
            if now - asked >= self._stalled_after:
                # FFmpeg gives only what its decoder still held, and then nothing more.
                return
            if picture is not None:
                self._publish(picture, now)
                misses = 0
            else:
                misses += 1
                self._stop.wait(_MISS_PAUSE)

    def _publish(self, picture: Image | Encoded, now: float) -> None:
        with self._fresh:
            if self._stop.is_set():
                return
            if self._frame is not None:
                self._dropped += 1
            self._frame = Frame(picture, self._arrived, now, now, datetime.now(timezone.utc))
            self._fresh.notify_all()
            if self._seen is None or self._trouble is not None:
                log.info("%s: live, %d x %d pixels", self.name, *self._frame.size)
            self._arrived += 1
            self._seen, self._trouble = now, None

    def _explain(self, what: str) -> None:
        """Log the exception at hand, where it begins an outage."""
        if self._trouble is None:
            log.exception("%s: %s", self.name, what)

    def _complain(self, problem: str) -> None:
        if self._trouble is not None or self._stop.is_set():
            return
        self._trouble = problem
        log.warning("%s; trying again until it works", problem)
