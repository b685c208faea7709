"""Cameras behind a GStreamer pipeline: CSI cameras, and decoding in hardware.

The wheels of OpenCV come without GStreamer, so this goes by the system's own Python binding
(PyGObject), which no wheel brings either: Debian's python3-gi is used from any environment of the
same Python version.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from agent.errors import SourceError
from agent.settings import SourceSettings
from agent.sources.live import Camera
from agent.types import Image

_SYSTEM_BINDING: Final = Path("/usr/lib/python3/dist-packages/gi")
_SINK: Final = (
    " ! videoconvert ! video/x-raw,format=BGR"
    " ! appsink name=agent sync=false max-buffers=1 drop=true"
)
_WANTED: Final = (1280, 720, 30.0)
"""Width, height and rate that a CSI camera is asked for where the settings say nothing."""


def open_pipeline(name: str, pipeline: str, settings: SourceSettings) -> Camera:
    """The pictures that come out of a pipeline as `gst-launch-1.0` takes it, without a sink.

    Raises `SourceError`, by `name`, where GStreamer is missing, the pipeline cannot be built, or
    gives no picture within the time to open.
    """
    return _PipelineCamera(_gstreamer(name), name, pipeline, settings)


def open_csi(name: str, sensor: int, settings: SourceSettings) -> Camera:
    """A camera on the board's ribbon cable: NVIDIA's driver on a Jetson, libcamera elsewhere."""
    library = _gstreamer(name)
    width = settings.width or _WANTED[0]
    height = settings.height or _WANTED[1]
    rate = settings.fps or _WANTED[2]
    size = f"width={width},height={height},framerate={round(1000 * rate)}/1000"
    if library.gst.ElementFactory.find("nvarguscamerasrc") is not None:
        pipeline = (
            f"nvarguscamerasrc sensor-id={sensor} ! video/x-raw(memory:NVMM),{size}"
            " ! nvvidconv ! video/x-raw,format=BGRx"
        )
    elif library.gst.ElementFactory.find("libcamerasrc") is not None:
        pipeline = f"libcamerasrc ! video/x-raw,{size}"
    else:
        raise SourceError(
            f"{name}: neither nvarguscamerasrc (JetPack) nor libcamerasrc "
            "(gstreamer1.0-libcamera) is installed; give a USB camera as /dev/video0"
        )
    return _PipelineCamera(library, name, pipeline, settings)


class _Library(NamedTuple):
    """The modules of the binding, which has no types."""

    gst: Any
    glib: Any
    video: Any


class _PipelineCamera:
    def __init__(
        self, library: _Library, name: str, pipeline: str, settings: SourceSettings
    ) -> None:
        gst = library.gst
        self._gst = gst
        self._video = library.video
        self._name = name
        self._timeout = round(settings.read_timeout * gst.SECOND)
        self._ended: str | None = None
        try:
            # Without the flag, half a pipeline comes along with the error, and nobody closes it.
            whole = gst.ParseFlags.FATAL_ERRORS
            self._pipeline = gst.parse_launch_full(pipeline + _SINK, None, whole)
        except library.glib.Error as error:
            raise SourceError(f"{name}: no pipeline: {error.message}") from None
        self._sink = self._pipeline.get_by_name("agent")
        self._pipeline.set_state(gst.State.PLAYING)
        self._first = self._sink.try_pull_sample(round(settings.open_timeout * gst.SECOND))
        if self._first is None:
            problem = self._problem() or f"no picture within {settings.open_timeout:g} s"
            self.release()
            raise SourceError(f"{name}: {problem}")

    def read(self) -> Image | None:
        sample, self._first = self._first, None
        sample = sample or self._sink.try_pull_sample(self._timeout)
        # Looked for each time: what nobody takes off the bus stays there, whatever it tells of.
        self._ended = self._ended or self._problem()
        if sample is not None:
            return self._picture(sample)
        if self._ended is not None:
            raise SourceError(f"{self._name}: {self._ended}")
        return None

    def release(self) -> None:
        self._pipeline.set_state(self._gst.State.NULL)
        self._pipeline.get_state(self._gst.SECOND)

    def _problem(self) -> str | None:
        """What has ended the pipeline, if something has."""
        kinds = self._gst.MessageType
        message = self._pipeline.get_bus().pop_filtered(kinds.ERROR | kinds.EOS)
        if message is None:
            return None
        if message.type == kinds.EOS:
            return "the pipeline has ended"
        error, _details = message.parse_error()  # the details may hold an address with a password
        return f"{message.src.get_name()}: {error.message}"

    def _picture(self, sample: Any) -> Image | None:
        info = self._video.VideoInfo.new_from_caps(sample.get_caps())
        buffer = sample.get_buffer()
        mapped, content = buffer.map(self._gst.MapFlags.READ)
        if not mapped:
            return None
        try:
            rows = np.frombuffer(content.data, np.uint8, info.height * info.stride[0])
            pixels = rows.reshape(info.height, info.stride[0])[:, : 3 * info.width]
            # A copy, as the buffer goes back.
            return np.array(pixels.reshape(info.height, info.width, 3))
        finally:
            buffer.unmap(content)


def _gstreamer(name: str) -> _Library:
    """GStreamer, ready for use."""
    try:
        gi = _binding()
        gi.require_version("Gst", "1.0")
        gi.require_version("GstApp", "1.0")
        gi.require_version("GstVideo", "1.0")
        from gi.repository import GLib, Gst, GstApp, GstVideo  # noqa: PLC0415
    except (ImportError, ValueError) as error:
        raise SourceError(
            f"{name}: GStreamer cannot be used from Python ({error}); "
            "`scripts/setup-system gstreamer` installs what is missing"
        ) from None
    del GstApp  # loading it is what gives a sink its methods
    if not Gst.is_initialized():
        Gst.init(None)
    return _Library(Gst, GLib, GstVideo)


def _binding() -> Any:
    """PyGObject: this environment's, or else the system's if it is for this Python."""
    try:
        import gi  # noqa: PLC0415  # only cameras of this kind need it
    except ImportError:
        spec = importlib.util.spec_from_file_location(
            "gi", _SYSTEM_BINDING / "__init__.py", submodule_search_locations=[str(_SYSTEM_BINDING)]
        )
        if spec is None or spec.loader is None or not _SYSTEM_BINDING.is_dir():
            raise
        gi = importlib.util.module_from_spec(spec)
        sys.modules["gi"] = gi
        try:
            spec.loader.exec_module(gi)
        except ImportError:
            del sys.modules["gi"]
            raise
    return gi
