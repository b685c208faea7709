"""The bench of feedback, run as a person runs it, on a sound card and a broker that are real."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.bench_feedback import _percentile
from tests.brokers.mosquitto import USERS, Mosquitto
from tests.brokers.watcher import Watcher
from tests.ports import free_port
from tests.sound_card import Card

DemoFile = Callable[[str], Path]

ROUNDS = 5


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    folder = tmp_path / "broker"
    folder.mkdir()
    with Mosquitto(folder) as broker:
        yield broker


def bench(film: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # A process of its own: the bench keeps its process on one core.
    command = [sys.executable, "-m", "agent.cli", "bench", "--source", str(film), "--frames", "20"]
    done = subprocess.run(
        [*command, "--feedback", str(ROUNDS), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done


def to(broker: Mosquitto) -> list[str]:
    """The arguments that name the broker."""
    given = {
        "mqtt.host": "127.0.0.1",
        "mqtt.port": broker.plain,
        "mqtt.username": "agent",
        "mqtt.password": USERS["agent"],
    }
    return ["--set", "device=hall", *(f"--set={key}={value}" for key, value in given.items())]


def measured(row: dict[str, Any]) -> bool:
    return bool(row["events"] == ROUNDS and 0 < row["p50"] <= row["p99"])


def test_frame_to_first_sample_and_to_the_broker_are_measured(
    demo_file: DemoFile, broker: Mosquitto, tmp_path: Path
) -> None:
    card = Card(tmp_path)
    film = demo_file("single_face.mp4")
    with Watcher(broker.plain, "emotion-agent/#", "homeassistant/#") as watcher:
        done = bench(
            film,
            "--json",
            "--set=audio.enabled=true",
            *to(broker),
            ALSA_CONFIG_PATH=str(card.configuration),
        )
        feedback = json.loads(done.stdout)["feedback_milliseconds"]
        assert measured(feedback["first_sample"])
        assert measured(feedback["broker"])
        assert len(card.heard) == ROUNDS
        assert "?" not in card.heard
        events = watcher.on("emotion-agent/hall-bench/events")
        assert len({event.json["id"] for event in events}) == len(events) == ROUNDS
        # The way to the event is a part of the way to the broker.
        decided = [event.json["latency_ms"] / 1000 for event in events]
        assert _percentile(decided, 50) < feedback["broker"]["p50"]
        assert _percentile(decided, 99) < feedback["broker"]["p99"]
        assert not [seen.topic for seen in watcher.seen if "/hall/" in seen.topic]
    with Watcher(broker.plain, "emotion-agent/#", "homeassistant/#") as late:
        late.publish("emotion-agent/marker", b"x")
        late.until(lambda: late.on("emotion-agent/marker"))
        assert [seen.topic for seen in late.seen] == ["emotion-agent/marker"]


def test_the_table_says_what_is_needed_where_nothing_is_set(demo_file: DemoFile) -> None:
    shown = bench(demo_file("single_face.mp4")).stdout
    assert "first sample  not measured: needs --set audio.enabled=true" in shown
    assert "broker        not measured: needs --set mqtt.host=NAME" in shown


def test_a_broker_and_a_device_that_are_not_there_are_told(
    demo_file: DemoFile, tmp_path: Path
) -> None:
    card = Card(tmp_path)
    card.remove()
    shown = bench(
        demo_file("single_face.mp4"),
        "--set=audio.enabled=true",
        "--set=mqtt.host=127.0.0.1",
        f"--set=mqtt.port={free_port()}",
        ALSA_CONFIG_PATH=str(card.configuration),
    ).stdout
    assert "broker        not measured: nothing listens there; is the broker running?\n" in shown
    assert re.search("first sample  not measured: .*no default output device", shown)


def test_percentiles_are_values_that_were_measured() -> None:
    seconds = [number / 1000 for number in range(200, 0, -1)]
    assert (_percentile(seconds, 50), _percentile(seconds, 99)) == (100.0, 198.0)
    assert _percentile([0.007], 99) == 7.0
