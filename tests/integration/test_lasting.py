"""Network cameras that come and go again and again: the source comes back and grows no bit."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from threading import active_count
from typing import NamedTuple

import pytest

from agent.settings import SourceSettings
from agent.sources.opening import open_source
from agent.sources.source import Source, SourceState
from tests.cameras.program import CameraProgram
from tests.cameras.watching import next_frame, wait_for
from tests.integration.test_rtsp import gstreamer
from tests.patience import PATIENCE

__all__ = ["gstreamer"]

WARM = 4  # outages after which libraries hold what they will hold
PYTHON = "/usr/bin/python3"


class Held(NamedTuple):
    """What this process holds."""

    threads: int
    handles: int
    memory: int
    """Resident, in bytes."""


def held() -> Held:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Held(active_count(), len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGESIZE"))  # noqa: PTH208


def killed(camera: CameraProgram, source: Source) -> None:
    camera.kill()
    deadline = time.monotonic() + PATIENCE
    while source.trouble is None:
        assert time.monotonic() < deadline
        source.read(0.05)
    camera.start()


def halted(camera: CameraProgram, source: Source) -> None:
    camera.halt()
    wait_for(source, SourceState.STALLED)
    camera.go_on()


def restarted(camera: CameraProgram, source: Source) -> None:
    camera.kill()
    camera.start()


@contextmanager
def watched(camera: CameraProgram, path: str) -> Iterator[Source]:
    settings = SourceSettings(uri=f"{path.format(camera.port)}", open_timeout=5.0, read_timeout=1.0)
    with open_source(settings) as source:
        yield source


@pytest.mark.parametrize(
    ("program", "python", "path", "times"),
    [
        ("mjpeg_camera.py", None, "http://127.0.0.1:{}/cam.mjpg", 10),
        ("rtsp_camera.py", PYTHON, "rtsp://127.0.0.1:{}/cam", 8),  # each takes over two seconds
    ],
    ids=["mjpeg", "rtsp"],
)
def test_a_camera_may_come_and_go_again_and_again(
    program: str,
    python: str | None,
    path: str,
    times: int,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    if python is not None:
        request.getfixturevalue("gstreamer")
    outages = cycle((killed, halted, restarted))
    gaps, holdings = [], []
    options = {"python": python} if python is not None else {}
    with CameraProgram(program, **options) as camera, watched(camera, path) as source:
        next_frame(source)
        for _ in range(times):
            next(outages)(camera, source)
            back = time.monotonic()
            last = -1.0
            while last < back:  # not one that was on its way before
                last = next_frame(source).captured
            gaps.append(last - back)
            holdings.append(held())
    record_property("seconds until a frame", [round(gap, 2) for gap in gaps])
    print("seconds until a frame:", [round(gap, 2) for gap in gaps])
    print("held:", holdings[WARM], holdings[-1])
    assert len({h.threads for h in holdings[WARM:]}) == 1
    assert len({h.handles for h in holdings[WARM:]}) <= 2  # a capture between closed and opened
    assert holdings[-1].memory - holdings[WARM].memory < 5_000_000
