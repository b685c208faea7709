"""A real RTSP camera (GStreamer's server, H.264) that is killed, halted and protected."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator

import pytest

from agent.settings import SourceSettings
from agent.sources.opening import open_source
from agent.sources.source import Source, SourceState
from tests.cameras.program import CameraProgram
from tests.cameras.watching import next_frame, wait_for, wait_for_word

_PYTHON = "/usr/bin/python3"
_NEEDED = """
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
missing = [n for n in ("videotestsrc", "x264enc", "rtph264pay") if not Gst.ElementFactory.find(n)]
raise SystemExit(len(missing))
"""


@pytest.fixture(scope="module")
def gstreamer() -> None:
    """Skips where GStreamer's RTSP server is not installed; in CI it must be."""
    try:
        found = subprocess.run([_PYTHON, "-c", _NEEDED], capture_output=True, check=False)
    except OSError:
        found = None
    if found is not None and found.returncode == 0:
        return
    reason = "GStreamer's RTSP server is not installed (scripts/setup-system installs it)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def program(gstreamer: None) -> Iterator[CameraProgram]:
    with CameraProgram("rtsp_camera.py", "watcher:s3cret", python=_PYTHON) as program:
        yield program


@pytest.fixture
def camera(program: CameraProgram) -> CameraProgram:
    """The camera, running again whatever the test before did to it."""
    program.start()
    return program


def _source(camera: CameraProgram, login: str) -> Source:
    return open_source(
        SourceSettings(
            uri=f"rtsp://{login}127.0.0.1:{camera.port}/cam", open_timeout=5.0, read_timeout=1.0
        )
    )


def test_pictures_come_in_order_and_move(camera: CameraProgram) -> None:
    with _source(camera, "watcher:s3cret@") as source:
        frames = [next_frame(source) for _ in range(15)]
        assert source.state is SourceState.LIVE
    assert [frame.index for frame in frames] == sorted({frame.index for frame in frames})
    assert {frame.image.shape for frame in frames} == {(240, 320, 3)}
    assert (frames[0].image != frames[-1].image).any()


def test_a_camera_killed_and_started_again_is_live_again(
    camera: CameraProgram, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with _source(camera, "watcher:s3cret@") as source:
        before = next_frame(source)
        camera.kill()
        wait_for(source, SourceState.STALLED)
        camera.start()
        wait_for(source, SourceState.LIVE)
        after = next_frame(source)
    assert after.index > before.index
    assert after.time > before.time
    assert "sends no more pictures" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_halted_camera_stalls_and_comes_back(camera: CameraProgram) -> None:
    with _source(camera, "watcher:s3cret@") as source:
        next_frame(source)
        camera.halt()
        wait_for(source, SourceState.STALLED)
        camera.go_on()
        wait_for(source, SourceState.LIVE)


def test_a_wrong_password_is_told_and_kept_out_of_the_log(
    camera: CameraProgram, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with _source(camera, "watcher:wr0ng@") as source:
        wait_for_word(source, caplog)
        assert source.state is SourceState.OPENING
    assert caplog.messages[0].startswith(f"rtsp://127.0.0.1:{camera.port}/cam: refused")
    output = capfd.readouterr()
    assert "wr0ng" not in caplog.text + output.out + output.err
