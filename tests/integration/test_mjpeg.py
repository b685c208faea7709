"""A real HTTP camera that is killed, halted, protected and damaged."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from agent.errors import SourceError
from agent.settings import SourceSettings
from agent.sources.cameras import open_stream
from agent.sources.jpeg import Jpeg
from agent.sources.opening import open_source
from agent.sources.source import Source, SourceState
from tests.cameras.program import CameraProgram
from tests.cameras.watching import next_frame, wait_for, wait_for_word


@pytest.fixture(scope="module")
def program() -> Iterator[CameraProgram]:
    with CameraProgram("mjpeg_camera.py") as program:
        yield program


@pytest.fixture
def camera(program: CameraProgram) -> CameraProgram:
    """The camera, running again whatever the test before did to it."""
    program.start()
    return program


def _source(camera: CameraProgram, path: str, login: str = "") -> Source:
    return open_source(
        SourceSettings(
            uri=f"http://{login}127.0.0.1:{camera.port}/{path}", open_timeout=2.0, read_timeout=1.0
        )
    )


def test_a_slow_reader_sees_the_present_not_the_past(camera: CameraProgram) -> None:
    ages = []
    with _source(camera, "cam.mjpg") as source:
        for _ in range(10):
            passed_over = source.dropped + 8
            while source.dropped < passed_over:
                time.sleep(0.01)
            shown = round(float(next_frame(source).image.mean()))
            # The picture tells its time in tenths of a second.
            ages.append((int(time.time() * 10) - shown) % 200)
    # Read one by one, pictures that came nine times as fast would be two to three seconds old in
    # the end; a busy machine makes a single one old.
    assert min(ages[-3:]) < 15


def test_a_camera_killed_and_started_again_is_live_again(
    camera: CameraProgram, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "agent.sources")
    with _source(camera, "cam.mjpg") as source:
        before = next_frame(source)
        camera.kill()
        wait_for(source, SourceState.STALLED)
        camera.start()
        wait_for(source, SourceState.LIVE)
        after = next_frame(source)
    assert after.index > before.index
    assert after.time > before.time
    assert "sends no more pictures" in caplog.text
    assert [record.levelname for record in caplog.records].count("WARNING") == 1


def test_a_halted_camera_stalls_and_comes_back(camera: CameraProgram) -> None:
    with _source(camera, "cam.mjpg") as source:
        next_frame(source)
        camera.halt()
        wait_for(source, SourceState.STALLED)
        camera.go_on()
        wait_for(source, SourceState.LIVE)


def test_a_camera_that_falls_silent_is_opened_again(camera: CameraProgram) -> None:
    with _source(camera, "stalling.mjpg") as source:
        frames = [next_frame(source) for _ in range(3)]
        while frames[-1].index < 12:  # it sends ten pictures at a time
            frames.append(next_frame(source))
    assert all(first.time < second.time for first, second in pairwise(frames))


@pytest.mark.parametrize("damage", ["damaged", "tables"])
def test_damaged_pictures_are_left_out_and_the_stream_stays_open(
    camera: CameraProgram, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    caplog.set_level(logging.INFO, "agent.sources")
    with _source(camera, f"{damage}.mjpg") as source:
        for _ in range(9):
            assert next_frame(source).image.std() < 3
    (message,) = caplog.messages
    assert message.endswith(f"/{damage}.mjpg: live, 160 x 120 pixels")


@pytest.mark.parametrize("kind", ["cam", "unmeasured", "moved"])
def test_pictures_are_handed_on_undecoded(camera: CameraProgram, kind: str) -> None:
    with _source(camera, f"{kind}.mjpg") as source:
        frames = [next_frame(source) for _ in range(2)]
    for frame in frames:
        assert isinstance(frame.picture, Jpeg)
        assert frame.size == (160, 120)
        assert frame.image.shape == (120, 160, 3)


def test_pictures_that_libjpeg_would_complain_of_for_ever_go_to_ffmpeg(
    camera: CameraProgram, capfd: pytest.CaptureFixture[str]
) -> None:
    with _source(camera, "padded.mjpg") as source:
        frames = [next_frame(source) for _ in range(3)]
    assert all(frame.image.shape == (120, 160, 3) for frame in frames)
    assert not any(isinstance(frame.picture, Jpeg) for frame in frames)
    assert capfd.readouterr().err == ""


def test_pictures_that_cannot_be_decoded_are_none(camera: CameraProgram) -> None:
    with _source(camera, "undecodable.mjpg") as source:
        while source.trouble is None:
            assert source.read(0.05) is None
    assert source.trouble.endswith("sends no pictures")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("nowhere.mjpg", "refused, the answer is 404 Not Found; check address"),
        ("huge.mjpg", "announces a picture of 10000 MB"),
        ("drip.mjpg", "answers, but sends no picture within 0.5 s"),
    ],
)
def test_what_gives_no_picture_is_told_in_time(
    camera: CameraProgram, path: str, problem: str
) -> None:
    uri = f"http://127.0.0.1:{camera.port}/{path}"
    settings = SourceSettings(uri=uri, open_timeout=2.0, read_timeout=0.5)
    with pytest.raises(SourceError, match=f"^{uri}: {problem}"):
        open_stream(uri, uri, settings)


@pytest.mark.parametrize("kind", ["auth", "digest"])
def test_the_right_password_opens_and_appears_nowhere(
    camera: CameraProgram, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with _source(camera, f"{kind}.mjpg", "watcher:s3cret@") as source:
        assert isinstance(next_frame(source).picture, Jpeg)
    assert source.name == f"http://127.0.0.1:{camera.port}/{kind}.mjpg"
    assert "s3cret" not in caplog.text


def test_a_wrong_password_is_told_once_and_kept_out_of_the_log(
    camera: CameraProgram, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with _source(camera, "auth.mjpg", "watcher:wr0ng@") as source:
        wait_for_word(source, caplog)
        assert source.read(1.7) is None  # time for more attempts
        assert source.state is SourceState.OPENING
    (warning,) = caplog.messages
    assert warning.startswith(
        f"http://127.0.0.1:{camera.port}/auth.mjpg: refused, the answer is 401"
    )
    assert "password" in warning
    output = capfd.readouterr()
    assert "wr0ng" not in caplog.text + output.out + output.err
