"""GStreamer pipelines as sources, by the system's own binding; a Jetson's camera cannot be here."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from agent.errors import SourceError
from agent.settings import SourceSettings
from agent.sources import gstreamer
from agent.sources.opening import open_source
from agent.sources.source import Source, SourceState
from tests.cameras.watching import next_frame


@pytest.fixture(scope="module", autouse=True)
def binding() -> None:
    """Skips where this Python has no GStreamer; in CI with the system's Python it must."""
    try:
        gstreamer._gstreamer("here")
    except SourceError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


def source(pipeline: str, timeout: float = 20.0) -> Source:
    return open_source(SourceSettings(uri=f"gst:{pipeline}", open_timeout=timeout))


def trouble(uri: str) -> str:
    """What a source complains of that cannot give a picture."""
    with open_source(SourceSettings(uri=uri, open_timeout=0.5, read_timeout=0.5)) as opened:
        for _ in range(600):
            assert opened.read(0.1) is None
            if opened.trouble is not None:
                return str(opened.trouble)
    raise AssertionError("no trouble")


@pytest.mark.parametrize("width", [320, 322, 101])
def test_pictures_are_whole_whatever_their_width(width: int) -> None:
    pattern = f"videotestsrc is-live=true pattern=smpte ! video/x-raw,width={width},height=64"
    with source(pattern) as camera:
        frame = next_frame(camera)
    assert frame.image.shape == (64, width, 3)
    bars = frame.image[10].astype(int)
    assert (np.abs(bars - frame.image[30].astype(int)) < 3).all()  # upright bars: no row is shifted
    assert bars[2].min() > 150  # the first is light grey, the last blue
    assert bars[-3][0] > 150 > bars[-3][2]


def test_frames_go_on_and_belong_to_whoever_reads_them() -> None:
    with source("videotestsrc is-live=true pattern=ball ! video/x-raw,framerate=30/1") as camera:
        frames = [next_frame(camera) for _ in range(10)]
        assert camera.state is SourceState.LIVE
    assert [f.index for f in frames] == sorted({f.index for f in frames})
    assert len({f.image.tobytes() for f in frames}) > 5


def test_a_pipeline_that_ends_begins_again() -> None:
    with source("videotestsrc num-buffers=3 ! video/x-raw,framerate=30/1") as camera:
        indices = [next_frame(camera).index for _ in range(3)]
        while indices[-1] < 8:
            indices.append(next_frame(camera).index)
        assert indices == sorted(set(indices))


def test_what_elements_tell_does_not_pile_up() -> None:
    """Some tell something all the time, as V4L2's does of every frame that it lost."""
    talkative = "audiotestsrc is-live=true ! level interval=10000000 ! fakesink"
    pipeline = f"{talkative} videotestsrc is-live=true ! video/x-raw,framerate=30/1"
    camera = gstreamer.open_pipeline("gst:camera", pipeline, SourceSettings(open_timeout=20.0))
    try:
        for _ in range(30):
            assert camera.read() is not None
        bus = camera._pipeline.get_bus()  # type: ignore[attr-defined]  # of this kind of camera only
        left = 0
        while bus.pop() is not None:
            left += 1
        assert left < 20
    finally:
        camera.release()


def test_passwords_in_a_pipeline_are_in_no_name() -> None:
    assert source("rtspsrc location=rtsp://me:hush@cam/1 ! decodebin").name == "gst:rtspsrc"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("gst:nosuchelement", 'no element "nosuchelement"'),
        ("gst:", "no pipeline"),
        ("gst:videotestsrc ! fakesink", "no pipeline"),
        ("gst:filesrc location=/none ! decodebin", "not found"),
        ("csi://0", "nvarguscamerasrc"),
    ],
)
def test_what_is_wrong_with_a_pipeline_is_told(uri: str, words: str) -> None:
    assert words in trouble(uri)


def test_attempts_in_vain_leave_nothing_open() -> None:
    """At two descriptors in a second and a half, a process is at its limit in minutes."""
    counts = []
    for _ in range(20):
        with pytest.raises(SourceError, match="nosuchelement"):
            gstreamer.open_pipeline("gst:camera", "nosuchelement", SourceSettings())
        counts.append(len(list(Path("/proc/self/fd").iterdir())))
    assert counts[-1] <= counts[4]


def test_a_csi_camera_goes_by_its_number() -> None:
    with pytest.raises(SourceError, match="csi://0"), open_source(SourceSettings(uri="csi://left")):
        pass
