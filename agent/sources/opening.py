"""Chooses the source for an address."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.errors import SourceError
from agent.settings import SourceSettings
from agent.sources.cameras import open_device, open_pipe, open_stream
from agent.sources.demo import DemoReel
from agent.sources.files import open_reel
from agent.sources.gstreamer import open_csi, open_pipeline
from agent.sources.live import Camera, LiveSource
from agent.sources.playback import Playback, Reel
from agent.sources.source import Source

_DEVICE_TIMEOUT: Final = 3.0
"""Seconds that OpenCV waits for a V4L2 device, as `agent/__init__.py` has set it."""
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
_STREAM: Final = re.compile(r"(rtsps?|https?)://.", re.IGNORECASE)
_SECRET: Final = re.compile(
    r"((?:user(?:name)?|usr|pass(?:word|wd)?|pwd|token|key|auth)=)[^&/;]*", re.IGNORECASE
)


def open_source(settings: SourceSettings) -> Source:
    """The source that `settings.uri` names, not opened yet: enter it to open it.

    Whether the thing named exists and can be read is found out on entering.
    """
    uri = settings.uri.strip()
    if uri == "demo":
        return _playback("demo", DemoReel, settings)
    if uri.startswith(("gst:", "csi://")):
        return _pipeline(uri, settings)
    if _ADDRESS.match(uri):
        return _stream(uri, settings)
    # Films can lie in /dev/shm; a device that is not there now may come later.
    if uri.isdecimal() or (uri.startswith("/dev/") and not _is_material(Path(uri))):
        device = f"/dev/video{int(uri)}" if uri.isdecimal() else uri
        return _live(device, lambda: open_device(device, settings), settings)
    path = Path(os.path.expanduser(uri))  # noqa: PTH111  # leaves an unknown ~user as it is
    if _is_pipe(path):
        return _live(str(path), lambda: open_pipe(path, settings), settings)
    return _playback(str(path), lambda: open_reel(path, settings.fps), settings)


def public_name(address: str) -> str:
    """An address without user name, password and query.

    >>> public_name("rtsp://admin:secret@10.0.0.7:554/stream1?token=secret")
    'rtsp://10.0.0.7:554/stream1'
    """
    scheme, rest = re.split(":/+", address, maxsplit=1)
    # A password may hold any of / ? # and @, so all up to the last @ goes.
    place = re.split("[?#]", rest.rpartition("@")[2])[0]
    return f"{scheme}://" + _SECRET.sub(r"\1***", place)


def _stream(uri: str, settings: SourceSettings) -> Source:
    name = public_name(uri)
    if _STREAM.match(uri):
        return _live(name, lambda: open_stream(name, uri, settings), settings)

    known = "rtsp://, rtsps://, http://, https:// or csi://0"
    return _refusal(name, f"unknown kind of address; use {known}")


def _refusal(name: str, problem: str) -> Source:
    def refuse() -> Reel:
        raise SourceError(f"{name}: {problem}")

    return Playback(name, refuse, "real", loop=False)


def _pipeline(uri: str, settings: SourceSettings) -> Source:
    if uri.startswith("csi://"):
        sensor = uri.removeprefix("csi://")
        if not sensor.isdecimal():
            return _refusal(uri, "expected the number of a sensor, as in csi://0")
        return _live(uri, lambda: open_csi(uri, int(sensor), settings), settings)
    pipeline = uri.removeprefix("gst:").strip()
    # Further words may hold a password.
    name = f"gst:{pipeline.partition(' ')[0]}"
    return _live(name, lambda: open_pipeline(name, pipeline, settings), settings)


def _live(name: str, open_camera: Callable[[], Camera], settings: SourceSettings) -> Source:
    blocked_at_most = max(settings.open_timeout + settings.read_timeout, _DEVICE_TIMEOUT)
    return LiveSource(name, open_camera, settings.read_timeout, blocked_at_most)


def _playback(name: str, open_reel: Callable[[], Reel], settings: SourceSettings) -> Source:
    return Playback(name, open_reel, settings.pace, settings.loop)


def _is_material(path: Path) -> bool:
    return path.is_file() or path.is_dir()


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False
