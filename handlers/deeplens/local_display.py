"""The pictures for the board's own viewer: JPEGs into a named pipe.

Writing to a pipe blocks for as long as nobody reads, and fails once the reader has gone; both are
normal here. So the writer has a thread of its own, and a newer picture replaces an older one.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from agent.status import TrackStatus
from agent.types import Image

RESULTS: Final = "/tmp/results.mjpeg"
"""Where the board's viewer looks, and the only folder that a function may write to."""
SIZE: Final = (858, 480)
"""Width and height of the pictures, the `480p` of the device's examples."""

_GREEN: Final = (80, 220, 60)  # BGR
_GREY: Final = (190, 190, 190)
_PATIENCE: Final = 0.5  # seconds between two looks for a reader, or for the order to stop

logger = logging.getLogger(__name__)


def drawn(image: Image, shown: Sequence[TrackStatus], size: tuple[int, int]) -> Image:
    """A frame as width x height, with a box and a word for each face."""
    across, down = size[0] / image.shape[1], size[1] / image.shape[0]
    picture = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    for face in shown:
        box = face.box
        left, top = round(box.x * across), round(box.y * down)
        right, bottom = round((box.x + box.width) * across), round((box.y + box.height) * down)
        colour = _GREEN if face.confidence else _GREY
        text = f"{face.emotion} {face.confidence:.0%}" if face.confidence else face.emotion
        cv2.rectangle(picture, (left, top), (right, bottom), colour, 2)
        place = (max(left, 0), max(top - 8, 16))
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 4, cv2.LINE_AA)
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 1, cv2.LINE_AA)
    return picture


class LocalDisplay(threading.Thread):
    """Writes JPEGs for whoever reads the pipe; readers come and go."""

    def __init__(self, path: str | None = None, size: tuple[int, int] = SIZE) -> None:
        super().__init__(name="local-display", daemon=True)
        self.size = size
        self._path = Path(path or RESULTS)
        self._changed = threading.Condition()
        self._next: Image | None = None
        self._ends = False
        self._pipe: int | None = None

    def watched(self) -> bool:
        """Whether somebody reads, so that pictures are worth drawing."""
        return self._pipe is not None

    def show(self, picture: Image) -> None:
        """Take a picture; it replaces one that was not written yet."""
        with self._changed:
            self._next = picture
            self._changed.notify()

    def close(self) -> None:
        """Stop writing, at once or within seconds."""
        with self._changed:
            self._ends = True
            self._changed.notify()
        if self.is_alive():
            self.join(4 * _PATIENCE)

    def run(self) -> None:
        """Write until `close`; without a pipe there is no display, and the log says why."""
        try:
            while not self._ends:
                if self._pipe is None:
                    self._make_pipe()  # also where somebody has tidied up /tmp
                    self._pipe = self._opened()
                self._write_next()
        except OSError as error:
            logger.warning("%s: no local display: %s", self._path, error)
        finally:
            self._drop()

    def _make_pipe(self) -> None:
        if self._path.exists() and not self._path.is_fifo():
            self._path.unlink()
        if not self._path.exists():
            os.mkfifo(self._path)

    def _opened(self) -> int | None:
        """The pipe's end for writing; None where nobody reads, or it was taken away just now."""
        try:
            return os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno not in (errno.ENXIO, errno.ENOENT):
                raise
            return None

    def _write_next(self) -> None:
        with self._changed:
            if self._next is None and not self._ends:
                self._changed.wait(_PATIENCE)
            picture, self._next = self._next, None
        if picture is None or self._pipe is None:
            return
        whole, jpeg = cv2.imencode(".jpg", picture)
        if whole:
            try:
                self._write(self._pipe, jpeg.tobytes())
            except BrokenPipeError:
                self._drop()

    def _write(self, pipe: int, jpeg: bytes) -> None:
        left = memoryview(jpeg)
        while left and not self._ends:
            select.select([], [pipe], [], _PATIENCE)
            try:
                left = left[os.write(pipe, left) :]
            except BlockingIOError:
                continue

    def _drop(self) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            os.close(pipe)
