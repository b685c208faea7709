"""No event is lost, whatever dies: the web server, and the publisher by SIGKILL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.brokers.watcher import wait_for
from tests.feedback.hooks import poster_to_kill
from tests.feedback.hooks.receiver import Receiver

EVENTS = 1500


class Publisher:
    """The publisher program, killed and started again where it was."""

    def __init__(self, folder: Path, project: Path, port: int) -> None:
        self._folder = folder
        self._project = project
        self._output = folder / "stored"
        self._output.touch()
        self._process: subprocess.Popen[bytes] | None = None
        hook = {"webhook": {"url": f"http://127.0.0.1:{port}/"}}
        (folder / "settings.json").write_text(json.dumps({"device": "hall", "feedback": hook}))

    @property
    def stored(self) -> int:
        """Number of the last event that is known to be on disk."""
        lines = self._output.read_text().rpartition("\n")[0].splitlines()
        return int(lines[-1]) if lines else 0

    def start(self) -> None:
        program = [sys.executable, poster_to_kill.__file__, str(self._folder / "settings.json")]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [*program, str(self._folder), str(self.stored + 1), str(EVENTS)],
                stdout=output,
                env=os.environ | {"PYTHONPATH": str(self._project)},
            )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def publisher(receiver: Receiver, tmp_path: Path, project: Path) -> Iterator[Publisher]:
    publisher = Publisher(tmp_path, project, receiver.port)
    yield publisher
    publisher.kill()


def test_no_event_is_lost_when_server_and_publisher_die(
    receiver: Receiver, publisher: Publisher
) -> None:
    publisher.start()
    wait_for(lambda: len(receiver.taken) >= 300)
    publisher.kill()
    publisher.start()
    wait_for(lambda: len(receiver.taken) >= 600)
    receiver.stop()
    known = publisher.stored
    wait_for(lambda: publisher.stored >= min(known + 200, EVENTS))
    publisher.kill()  # while the server is away
    publisher.start()
    receiver.start()
    wait_for(lambda: receiver.frames[-1] == EVENTS)
    first_time = list(dict.fromkeys(receiver.frames))
    assert sorted(first_time) == list(range(1, EVENTS + 1))
    assert all(a < b for a, b in pairwise(first_time))
    assert all(event["id"] == f"event-{event['frame']}" for event in receiver.taken)
    print(f"{EVENTS} events, {len(receiver.frames) - EVENTS} of them more than once")
