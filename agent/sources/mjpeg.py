"""A camera that sends JPEGs by HTTP (multipart/x-mixed-replace), handed on as they come.

FFmpeg would decode each of them; here that is left to who looks at one, see `agent.sources.jpeg`.
"""

from __future__ import annotations

from http.client import HTTPException

from agent.errors import SourceError
from agent.quiet import chatters
from agent.settings import SourceSettings
from agent.sources.http_stream import HttpStream, open_http
from agent.sources.jpeg import Jpeg
from agent.sources.live import Camera
from agent.sources.multipart import Parts


class MjpegCamera:
    """A `Camera` behind an HTTP answer in parts."""

    def __init__(self, name: str, stream: HttpStream, timeout: float) -> None:
        """`timeout` is in seconds, for each picture."""
        self._name = name
        self._stream = stream
        self._parts = Parts(stream.read, stream.boundary)
        self._timeout = timeout
        self._first: Jpeg | None = None
        self._last: Jpeg | None = None
        self._chatty = False

    def begins(self) -> bool:
        """Whether the first picture comes and can be decoded in silence; `read` gives it next.

        A camera that pads its pictures has libjpeg print a line about each of them, for months.
        Raises `SourceError` where nothing comes in time.
        """
        try:
            self._first = self._next()
        except TimeoutError:
            problem = f"answers, but sends no picture within {self._timeout:g} s"
            raise SourceError(f"{self._name}: {problem}") from None
        except (OSError, HTTPException):
            self._first = None
        return self._first is not None and not self._chatty

    def read(self) -> Jpeg | None:
        """See `Camera`. Raises `SourceError` for what has grown beyond a picture."""
        first, self._first = self._first, None
        if first is not None:
            return first
        try:
            return self._next()
        except (OSError, HTTPException):  # and so each time from now on
            return None

    def release(self) -> None:
        """Hang up."""
        self._stream.close()

    def _next(self) -> Jpeg | None:
        self._stream.allow(self._timeout)
        try:
            content = self._parts.next()
        except SourceError as problem:
            raise SourceError(f"{self._name}: {problem}") from None
        if content is None:
            return None
        try:
            picture = Jpeg(content)
        except SourceError:
            return None
        # Decoded here and now are the first and what follows a damaged one, so that a camera whose
        # pictures cannot be decoded counts as one that sends none.
        if self._last is None:
            self._chatty = chatters(lambda: picture.image)
        elif self._last.damaged:
            _ = picture.image
        self._last = picture
        return None if picture.damaged else picture


def open_mjpeg(name: str, address: str, settings: SourceSettings) -> Camera | None:
    """The camera behind an HTTP address; None where what is there is no MJPEG, or one that OpenCV
    does not decode.

    Raises `SourceError` with the reason where nothing answers, or with a refusal; `name` stands for
    the address there, which may hold a password.
    """
    stream = open_http(name, address, settings.open_timeout)
    if stream is None:
        return None
    begins = False
    try:
        camera = MjpegCamera(name, stream, settings.read_timeout)
        begins = stream.kind.startswith("multipart/") and camera.begins()
    finally:
        if not begins:
            stream.close()
    return camera if begins else None
