"""The latest-frame reader on real streams: a pipe that a test writes into, and dead ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from agent.errors import SourceError
from agent.settings import SourceSettings
from agent.sources.live import LiveSource
from agent.sources.opening import open_source
from agent.sources.source import SourceState
from agent.types import Image
from tests.cameras.watching import next_frame, wait_for, wait_for_word
from tests.patience import PATIENCE

Number = Callable[[npt.NDArray[np.uint8]], int]
Grey = Callable[..., npt.NDArray[np.uint8]]


class ScriptedCamera:
    """Hardware that fails when a test wants it to; None is a picture that was damaged."""

    def __init__(self, pictures: Iterator[Image | None]) -> None:
        self._pictures = pictures
        self.released = threading.Event()

    def read(self) -> Image | None:
        return next(self._pictures, None)

    def release(self) -> None:
        self.released.set()


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def _part(image: npt.NDArray[np.uint8]) -> bytes:
    jpeg = bytes(cv2.imencode(".jpg", image)[1])
    return b"--part\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (
        len(jpeg),
        jpeg,
    )


def test_only_the_newest_frame_is_kept_and_the_others_are_counted(
    grey: Grey, number: Number
) -> None:
    all_sent, seen = threading.Event(), threading.Event()

    def pictures() -> Iterator[Image | None]:
        yield from (grey(index) for index in range(8))
        all_sent.set()
        seen.wait(PATIENCE)

    source = LiveSource("camera", lambda: ScriptedCamera(pictures()), 5.0, 1.0)
    with source:
        assert all_sent.wait(PATIENCE)
        frame = next_frame(source)
        assert (frame.index, number(frame.image)) == (7, 7)
        assert source.dropped == 7
        assert frame.time == frame.captured <= time.monotonic()
        assert source.read(0.0) is None
        seen.set()


def test_single_damaged_pictures_do_not_close_the_camera(grey: Grey) -> None:
    opened = []
    gate = threading.Semaphore(0)

    def pictures() -> Iterator[Image | None]:
        for index in range(20):
            gate.acquire()
            yield grey(index) if index % 4 == 3 else None

    def open_camera() -> ScriptedCamera:
        opened.append(ScriptedCamera(pictures()))
        return opened[-1]

    with LiveSource("camera", open_camera, 5.0, 1.0) as source:
        for index in range(5):
            gate.release(4)
            assert next_frame(source).index == index
        assert len(opened) == 1


def test_a_camera_that_fails_in_any_way_is_released_and_opened_again(
    grey: Grey, caplog: pytest.LogCaptureFixture
) -> None:
    cameras: list[ScriptedCamera] = []

    def broken() -> Iterator[Image | None]:
        yield grey(1)
        raise RuntimeError("driver trouble")

    def open_camera() -> ScriptedCamera:
        if len(cameras) == 1:
            cameras.append(ScriptedCamera(iter(())))
            raise SourceError("camera: cable pulled")
        cameras.append(ScriptedCamera(broken()))
        return cameras[-1]

    with LiveSource("camera", open_camera, 5.0, 1.0) as source:
        first = next_frame(source)
        second = next_frame(source)
        assert (first.index, second.index) == (0, 1)
        assert second.time > first.time
        assert cameras[0].released.is_set()
        assert source.reopened >= 1
    assert "driver trouble" in caplog.text


@pytest.mark.parametrize("where", ["opening", "reading", "closing"])
def test_a_driver_that_fails_for_good_is_explained_once(
    where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Months of it would fill the disk otherwise."""
    monkeypatch.setattr("agent.sources.live._LONGEST_PAUSE", 0.01)
    attempts = []

    class Broken:
        def read(self) -> Image | None:
            if where == "reading":
                raise RuntimeError("driver trouble")
            raise SourceError("camera: no picture")

        def release(self) -> None:
            if where == "closing":
                raise RuntimeError("driver trouble")

    def open_camera() -> Broken:
        attempts.append(time.monotonic())
        if where == "opening":
            raise RuntimeError("driver trouble")
        return Broken()

    with LiveSource("camera", open_camera, 5.0, 1.0) as source:
        _until(lambda: len(attempts) > 5)
        assert not source.hung
        assert source.trouble is not None
    assert caplog.text.count("RuntimeError: driver trouble") <= 1
    assert len(caplog.records) <= 2


def test_a_source_without_pictures_for_too_long_is_stalled(grey: Grey) -> None:
    go_on = threading.Event()

    def pictures() -> Iterator[Image | None]:
        yield grey(1)
        go_on.wait()
        yield grey(2)

    with LiveSource("camera", lambda: ScriptedCamera(pictures()), 0.3, 1.0) as source:
        next_frame(source)
        wait_for(source, SourceState.STALLED)
        go_on.set()
        wait_for(source, SourceState.LIVE)


def test_a_pipe_is_read_while_somebody_writes_and_again_when_somebody_writes_again(
    tmp_path: Path, grey: Grey
) -> None:
    pipe = tmp_path / "camera.pipe"
    os.mkfifo(pipe)
    with open_source(SourceSettings(uri=str(pipe), read_timeout=1.0)) as source:
        assert source.read(0.1) is None
        assert source.state is SourceState.OPENING
        for _ in range(2):
            with pipe.open("wb", buffering=0) as writer:
                frames = 0
                while frames < 5:
                    writer.write(_part(grey(10)))
                    frames += source.read(0.05) is not None


def test_a_pipe_that_carries_no_video_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipe = tmp_path / "camera.pipe"
    os.mkfifo(pipe)
    with open_source(SourceSettings(uri=str(pipe))) as source:
        with pipe.open("wb") as writer:
            writer.write(b"no video\n" * 5000)
        wait_for_word(source, caplog)
    assert caplog.messages[0].startswith(f"{pipe}: what comes out of this pipe is no video")


@pytest.mark.parametrize("address", ["http://127.0.0.1:{}/cam", "rtsp://127.0.0.1:{}/cam"])
def test_closing_does_not_wait_for_a_blocked_opening(black_hole: int, address: str) -> None:
    settings = SourceSettings(uri=address.format(black_hole), open_timeout=60.0)
    with open_source(settings) as source:
        assert source.read(0.3) is None
        states = [source.state]
        began = time.monotonic()
    assert time.monotonic() - began < 30.0
    states.append(source.state)
    assert states == [SourceState.OPENING, SourceState.ENDED]
    assert source.read(5.0) is None


def test_no_answer_is_told_with_the_time_and_without_the_password(
    black_hole: int, caplog: pytest.LogCaptureFixture
) -> None:
    uri = f"http://watcher:s3cret@127.0.0.1:{black_hole}/cam?key=s3cret"
    with open_source(SourceSettings(uri=uri, open_timeout=0.3)) as source:
        wait_for_word(source, caplog)
    assert f"http://127.0.0.1:{black_hole}/cam: no answer within 0.3 s" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("closed", [True, False])
def test_a_process_ends_cleanly_while_its_camera_blocks(black_hole: int, closed: bool) -> None:
    program = f"""
from agent.settings import SourceSettings
from agent.sources.opening import open_source
source = open_source(SourceSettings(uri="http://127.0.0.1:{black_hole}/", open_timeout=1.2))
source.__enter__()
source.read(0.1)
if {closed}:
    source.__exit__(None, None, None)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_call_that_never_comes_back_counts_as_hung(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.sources.live._HUNG_AFTER", 0.0)
    let_go = threading.Event()

    def blocked() -> ScriptedCamera:
        let_go.wait(PATIENCE)
        raise SourceError("camera: gone")

    source = LiveSource("camera", blocked, 1.0, blocked_at_most=0.3)
    with source:
        _until(lambda: source.hung)
        let_go.set()
        _until(lambda: not source.hung and source.trouble == "camera: gone")
    assert not source.hung


def test_trouble_is_over_with_the_next_picture(grey: Grey) -> None:
    present = threading.Event()

    def camera() -> ScriptedCamera:
        if not present.is_set():
            raise SourceError("camera: unplugged")
        return ScriptedCamera(grey(1) for _ in range(10**6))

    with LiveSource("camera", camera, 1.0, 1.0) as source:
        _until(lambda: source.trouble == "camera: unplugged")
        assert not source.hung
        present.set()
        next_frame(source)
        assert source.trouble is None


def _until(wanted: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.01)
