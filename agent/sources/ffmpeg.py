"""How OpenCV's FFmpeg is opened: for films exactly, for cameras without delay.

OpenCV takes FFmpeg's options from the environment alone, at each opening. The options that keep a
camera's delay short throw away the first frames of a film (of some films, all of them).
"""

from __future__ import annotations

import os
from typing import Final

import cv2

_VARIABLE: Final = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_NO_DELAY: Final = (
    "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay|analyzeduration;200000|probesize;65536"
)
# An agent that reads a camera hands its own value down to the programs that it starts.
_SET_BY_USER: Final = os.environ.get(_VARIABLE, _NO_DELAY) != _NO_DELAY


def open_film(path: str) -> cv2.VideoCapture:
    """A film from its first picture to its last; decoded in the caller's thread."""
    if not _SET_BY_USER:
        os.environ.pop(_VARIABLE, None)
    return cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])


def open_camera(address: str, open_timeout: float, read_timeout: float) -> cv2.VideoCapture:
    """A network camera or a pipe, with as little delay as FFmpeg can; timeouts in seconds.

    More decoding threads would each add a frame of delay.
    """
    if not _SET_BY_USER:
        os.environ[_VARIABLE] = _NO_DELAY
    parameters = [
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(open_timeout * 1000)),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(read_timeout * 1000)),
        *(cv2.CAP_PROP_N_THREADS, 1),
    ]
    return cv2.VideoCapture(address, cv2.CAP_FFMPEG, parameters)
