"""Opens cameras: V4L2 devices, network addresses and pipes; MJPEG by HTTP is read by ourselves, all
else through OpenCV.
"""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from agent.errors import SourceError
from agent.settings import SourceSettings
from agent.sources import ffmpeg
from agent.sources.live import Camera
from agent.types import Encoded, Image

_SHORTEST_OPENING: Final = 0.1
"""Seconds."""
_PLAIN_SIZE: Final = 640 * 480
"""Pixels up to which USB 2 carries uncompressed pictures at 30 a second."""


class _OpenCvCamera:
    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture

    def read(self) -> Image | None:
        try:
            arrived, picture = self._capture.read()
        except cv2.error:
            return None
        return np.asarray(picture, np.uint8) if arrived else None

    def release(self) -> None:
        self._capture.release()


class _Pipe:
    def __init__(self, camera: Camera, pipe: int) -> None:
        self._camera = camera
        self._pipe = pipe

    def read(self) -> Image | Encoded | None:
        return self._camera.read()

    def release(self) -> None:
        self._camera.release()
        with suppress(OSError):  # older FFmpegs close it themselves
            os.close(self._pipe)


def open_device(device: str, settings: SourceSettings) -> Camera:
    """A V4L2 camera (`/dev/video0`, `/dev/v4l/by-id/...`), asked for the size and rate set.

    A camera takes what it can of that. Raises `SourceError` with the reason.
    """
    capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
    if not capture.isOpened():
        capture.release()
        raise SourceError(f"{device}: {_what_is_wrong(Path(device))}")
    if (settings.width or 0) * (settings.height or 0) > _PLAIN_SIZE:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    wishes = {
        cv2.CAP_PROP_FRAME_WIDTH: settings.width,
        cv2.CAP_PROP_FRAME_HEIGHT: settings.height,
        cv2.CAP_PROP_FPS: settings.fps,
        cv2.CAP_PROP_BUFFERSIZE: 1,
    }
    for wish, value in wishes.items():
        if value is not None:
            capture.set(wish, value)
    return _OpenCvCamera(capture)


def open_stream(name: str, address: str, settings: SourceSettings) -> Camera:
    """A camera behind an RTSP or HTTP address.

    `name` stands for the address, which may hold a password, in the `SourceError` that is raised
    where it cannot be opened.
    """
    began = time.monotonic()
    if address.lower().startswith("http"):
        from agent.sources.mjpeg import open_mjpeg  # noqa: PLC0415  # urllib is for such alone

        camera = open_mjpeg(name, address, settings)
        if camera is not None:
            return camera
    # What has answered is no MJPEG that OpenCV decodes; FFmpeg knows more.
    left = settings.open_timeout - (time.monotonic() - began)
    camera = _open(address, max(left, _SHORTEST_OPENING), settings.read_timeout)
    if camera is not None:
        return camera
    if time.monotonic() - began >= settings.open_timeout:
        problem = f"no answer within {settings.open_timeout:g} s"
    else:
        problem = "refused, or no video there"
    raise SourceError(f"{name}: {problem}; check address, user name and password")


def open_pipe(path: Path, settings: SourceSettings) -> Camera:
    """A stream that another program writes into a named pipe (MJPEG with headers, MPEG-TS, ...).

    Raises `SourceError` where nobody writes within the time to open, or something else.
    """
    try:
        # By name, FFmpeg would wait for a writer without end; like this its timeouts hold.
        pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from None
    readable, _, _ = select.select([pipe], [], [], settings.open_timeout)
    waiting = settings.open_timeout, settings.read_timeout
    camera = _open(f"pipe:{pipe}", *waiting) if readable else None
    if camera is None:
        os.close(pipe)
        problem = "what comes out of this pipe is no video" if readable else "nobody writes into it"
        raise SourceError(f"{path}: {problem}")
    return _Pipe(camera, pipe)


def _open(address: str, open_timeout: float, read_timeout: float) -> Camera | None:
    capture = ffmpeg.open_camera(address, open_timeout, read_timeout)
    if capture.isOpened():
        return _OpenCvCamera(capture)
    capture.release()
    return None


def _what_is_wrong(device: Path) -> str:
    if not device.exists():
        return "no such device; plug the camera in, or choose one of `ls /dev/video*`"
    if not os.access(device, os.R_OK | os.W_OK):
        return "no permission; add this user to the group `video`"
    return "cannot be opened; another program has it, or it is not a camera (`ls /dev/video*`)"
