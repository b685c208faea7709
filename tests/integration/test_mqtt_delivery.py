"""No event is lost, whatever dies: the broker and the publisher, both killed with SIGKILL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import publisher
from tests.brokers.mosquitto import USERS, Mosquitto
from tests.brokers.watcher import Watcher, wait_for

EVENTS = 5_000
TOPIC = "emotion-agent/hall/events"


class Publisher:
    """The publisher program, killed and started again where it was."""

    def __init__(self, broker: Mosquitto, folder: Path, project: Path) -> None:
        self._folder = folder
        self._project = project
        self._output = folder / "stored"
        self._output.touch()
        self._process: subprocess.Popen[bytes] | None = None
        mqtt = {
            "host": "localhost",
            "port": broker.tls,
            "tls": True,
            "ca_file": str(broker.folder / "ca.crt"),
            "username": "agent",
            "password": USERS["agent"],
        }
        (folder / "settings.json").write_text(json.dumps({"device": "hall", "mqtt": mqtt}))

    @property
    def stored(self) -> int:
        """Number of the last event that is known to be on disk."""
        lines = self._output.read_text().rpartition("\n")[0].splitlines()
        return int(lines[-1]) if lines else 0

    def until_stored(self, number: int) -> None:
        wait_for(lambda: self.stored >= min(number, EVENTS))

    def start(self) -> None:
        span = [str(self.stored + 1), str(EVENTS)]
        program = [sys.executable, publisher.__file__, str(self._folder / "settings.json")]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [*program, str(self._folder), *span],
                stdout=output,
                env=os.environ | {"PYTHONPATH": str(self._project)},
            )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def agent(broker: Mosquitto, tmp_path: Path, project: Path) -> Iterator[Publisher]:
    agent = Publisher(broker, tmp_path, project)
    yield agent
    agent.kill()


def test_thousands_of_events_survive_three_deaths_of_each(
    broker: Mosquitto, agent: Publisher
) -> None:
    with Watcher(broker.plain, TOPIC) as watcher:
        wait_for(lambda: broker.keeps(watcher.name))
        agent.start()
        for third in (1, 2, 3):
            watcher.until_seen(third * 1000)
            broker.kill()
            agent.until_stored(agent.stored + 300)
            if third == 2:  # the publisher dies while the broker is away, too
                agent.kill()
                agent.start()
            broker.start()
            watcher.until_ready()
            if third != 2:
                watcher.until_seen(len(watcher.seen) + 200)
                agent.kill()
                agent.start()
        # The newest message only: looking through all of them after each would starve the reader.
        watcher.until(lambda: watcher.seen[-1].json["frame"] == EVENTS)

        received = numbers(watcher)
        first_time = list(dict.fromkeys(received))
        assert sorted(first_time) == list(range(1, EVENTS + 1))
        assert all(a < b for a, b in pairwise(first_time))
        assert all(event["id"] == f"event-{event['frame']}" for event in events(watcher))
        repeated = len(received) - len(first_time)
        print(f"{EVENTS} events, {repeated} of them more than once")


def events(watcher: Watcher) -> list[Any]:
    return [seen.json for seen in watcher.on(TOPIC)]


def numbers(watcher: Watcher) -> list[int]:
    return [event["frame"] for event in events(watcher)]
