"""What every source keeps to, run over each of them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.settings import SourceSettings
from agent.sources.demo import DemoReel
from agent.sources.opening import open_source
from agent.sources.playback import Playback
from agent.sources.source import Source, SourceState
from agent.types import Frame
from tests.cameras.program import CameraProgram
from tests.patience import PATIENCE

_FRAMES = 8


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Path]:
    """A named pipe into which a camera writes MJPEG."""
    path = tmp_path / "camera.pipe"
    os.mkfifo(path)
    jpeg = bytes(cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1])
    head = b"--part\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
    over = threading.Event()

    def write() -> None:
        with suppress(BrokenPipeError), path.open("wb", buffering=0) as writer:
            while not over.wait(0.02):
                writer.write(head + jpeg + b"\r\n")

    thread = threading.Thread(target=write)
    thread.start()
    yield path
    over.set()
    with suppress(OSError):  # lets a writer go that nobody reads from
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    thread.join()


@pytest.fixture(scope="module")
def http_camera() -> Iterator[CameraProgram]:
    with CameraProgram("mjpeg_camera.py") as camera:
        yield camera


def _film(request: pytest.FixtureRequest) -> Source:
    path = request.getfixturevalue("write_film")("film.avi", 30)
    return open_source(SourceSettings(uri=str(path)))


def _film_without_pace(request: pytest.FixtureRequest) -> Source:
    path = request.getfixturevalue("write_film")("film.mp4", 4)
    return open_source(SourceSettings(uri=str(path), pace="none"))


def _gif(request: pytest.FixtureRequest) -> Source:
    path = request.getfixturevalue("write_gif")([30, 60, 30])
    return open_source(SourceSettings(uri=str(path)))


def _picture(request: pytest.FixtureRequest) -> Source:
    path = request.getfixturevalue("write_picture")("one.png")
    return open_source(SourceSettings(uri=str(path), fps=20))


def _folder(request: pytest.FixtureRequest) -> Source:
    write = request.getfixturevalue("write_picture")
    for index in range(3):
        folder = write(f"{index}.png", index).parent
    return open_source(SourceSettings(uri=str(folder), fps=20))


def _demo(request: pytest.FixtureRequest) -> Source:
    folder = request.getfixturevalue("demo_material")
    return Playback("demo", lambda: DemoReel(lambda name: folder / name), pace="real", loop=True)


def _pipe(request: pytest.FixtureRequest) -> Source:
    path = request.getfixturevalue("pipe")
    return open_source(SourceSettings(uri=str(path), read_timeout=20))


def _http(request: pytest.FixtureRequest) -> Source:
    camera = request.getfixturevalue("http_camera")
    address = f"http://127.0.0.1:{camera.port}/cam.mjpg"
    return open_source(SourceSettings(uri=address, read_timeout=20))


@pytest.fixture(
    params=[_film, _film_without_pace, _gif, _picture, _folder, _demo, _pipe, _http],
    ids=lambda make: make.__name__.strip("_"),
)
def source(request: pytest.FixtureRequest) -> Source:
    """Every kind of source, not opened."""
    make: Callable[[pytest.FixtureRequest], Source] = request.param
    return make(request)


def _read(source: Source, count: int) -> list[Frame]:
    frames: list[Frame] = []
    deadline = time.monotonic() + PATIENCE
    while len(frames) < count and time.monotonic() < deadline:
        frame = source.read(0.5)
        if frame is not None:
            frames.append(frame)
    assert len(frames) == count, f"{source.name} is {source.state.value}"
    return frames


def test_states_follow_opening_and_closing(source: Source) -> None:
    states = [source.state]
    with source as entered:
        assert entered is source
        _read(source, 2)
        states.append(source.state)
    states.append(source.state)
    assert states == [SourceState.OPENING, SourceState.LIVE, SourceState.ENDED]


def test_closing_twice_is_fine_and_nothing_comes_after(source: Source) -> None:
    with source:
        _read(source, 1)
    source.__exit__(None, None, None)
    assert source.read(0.5) is None


def test_frames_never_go_back_and_gaps_are_counted(source: Source) -> None:
    with source:
        frames = _read(source, _FRAMES)
        dropped = source.dropped
    indices = [frame.index for frame in frames]
    times = [frame.time for frame in frames]
    assert indices == sorted(set(indices))
    assert times == sorted(set(times))
    assert dropped >= indices[-1] - len(frames) + 1


def test_frames_are_bgr_pictures_with_their_capture_time(source: Source) -> None:
    began, began_wall = time.monotonic(), datetime.now(timezone.utc)
    with source:
        frames = _read(source, 3)
    for frame in frames:
        assert frame.image.dtype == np.uint8
        assert frame.image.ndim == 3
        assert frame.image.shape[2] == 3
        assert began <= frame.captured <= time.monotonic()
        assert frame.wall.tzinfo is timezone.utc
        assert began_wall - timedelta(seconds=1) <= frame.wall <= datetime.now(timezone.utc)


def test_a_frame_stays_as_it_was_while_others_are_read(source: Source) -> None:
    with source:
        (first,) = _read(source, 1)
        before = first.image.copy()
        later = _read(source, 3)
    assert np.array_equal(first.image, before)
    assert all(not np.shares_memory(first.image, frame.image) for frame in later)
