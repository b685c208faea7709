"""Which source an address opens, and that no password leaves it."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import SourceError
from agent.settings import SourceSettings
from agent.sources.live import LiveSource
from agent.sources.opening import open_source, public_name
from agent.sources.playback import Playback
from agent.sources.source import SourceState
from tests.cameras.watching import wait_for_word


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("rtsp://cam.local/stream1", "rtsp://cam.local/stream1"),
        ("rtsp://admin:s3cret@10.0.0.7:554/stream1", "rtsp://10.0.0.7:554/stream1"),
        ("rtsp://admin:s3@cret@cam/1", "rtsp://cam/1"),
        ("rtsp://admin:s3/cret@cam/1", "rtsp://cam/1"),
        ("rtsp://admin:s3?cret#@cam/1", "rtsp://cam/1"),
        ("http://cam/video.cgi?user=admin&pwd=s3cret", "http://cam/video.cgi"),
        ("rtsp://cam/user=admin&password=s3cret&channel=1", "rtsp://cam/user=***&password=***&channel=1"),
        ("HTTPS://u:s3cret@[fe80::1]:8443/cam#s3cret", "HTTPS://[fe80::1]:8443/cam"),
        ("ftp:/u:s3cret@cam/1", "ftp://cam/1"),
    ],
)  # fmt: skip
def test_a_name_keeps_the_place_and_leaves_out_secrets(address: str, name: str) -> None:
    assert public_name(address) == name
    assert "s3" not in name


@pytest.mark.parametrize(
    ("uri", "name"),
    [("0", "/dev/video0"), ("/dev/video12", "/dev/video12"), (" 3 ", "/dev/video3")],
)
def test_a_device_opens_live_by_path_or_number(uri: str, name: str) -> None:
    source = open_source(SourceSettings(uri=uri))
    assert isinstance(source, LiveSource)
    assert source.name == name


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https", "RTSP"])
def test_network_addresses_open_live(scheme: str) -> None:
    source = open_source(SourceSettings(uri=f"{scheme}://watcher:s3cret@cam/1"))
    assert isinstance(source, LiveSource)
    assert source.name == f"{scheme}://cam/1"


@pytest.mark.parametrize("uri", ["demo", "film.mp4", "pictures/*.jpg", "~/faces"])
def test_everything_else_is_played(uri: str) -> None:
    source = open_source(SourceSettings(uri=uri))
    assert isinstance(source, Playback)
    assert source.name == str(Path(uri).expanduser())
    assert source.state is SourceState.OPENING


@pytest.mark.parametrize("uri", ["ftp://u:s3cret@cam/1", "rtsp:/u:s3cret@cam/1", "rtsp://"])
def test_an_address_of_unknown_kind_is_refused_on_entering_without_its_password(
    uri: str,
) -> None:
    with pytest.raises(SourceError, match="unknown kind of address; use rtsp://") as refusal:
        open_source(SourceSettings(uri=uri)).__enter__()
    assert "s3cret" not in str(refusal.value)


def test_a_missing_device_is_waited_for_with_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # No /dev/video* can exist where tests run; the reader behind it is the one that pipes and
    # network cameras use, so only a successful open of a device is left untested.
    caplog.set_level(logging.INFO)
    with open_source(SourceSettings(uri="/dev/video63")) as source:
        wait_for_word(source, caplog)
        assert source.read(1.6) is None  # time for more attempts
        assert source.state is SourceState.OPENING
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "/dev/video63: no such device; plug the camera in" in caplog.text


def test_a_device_that_is_no_camera_is_named_with_what_to_check(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with open_source(SourceSettings(uri="/dev/null")) as source:
        wait_for_word(source, caplog)
        assert source.state is SourceState.OPENING
    assert "/dev/null: cannot be opened; another program has it" in caplog.text


def test_a_pattern_that_is_none_is_told_in_a_line() -> None:
    source = open_source(SourceSettings(uri="foo**bar/*.jpg"))
    with pytest.raises(SourceError, match="not a pattern of files"), source:
        pass


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs Linux's /dev/shm")
def test_a_film_below_dev_is_a_film(write_film: Callable[..., Path]) -> None:
    path = Path(tempfile.mkdtemp(dir="/dev/shm")) / "film.mp4"
    shutil.move(write_film("film.mp4", 3), path)
    try:
        settings = SourceSettings(uri=str(path), pace="none", loop=False)
        with open_source(settings) as source:
            assert source.read(1.0) is not None
    finally:
        shutil.rmtree(path.parent)
