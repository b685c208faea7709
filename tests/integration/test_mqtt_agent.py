"""The whole agent at a real broker, run as a person runs it; and `docs/mqtt.md` held against it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.mosquitto import USERS, Mosquitto
from tests.brokers.watcher import Watcher, wait_for
from tests.patience import PATIENCE

DemoFile = Callable[[str], Path]

BASE = "emotion-agent/hall"
STATE, EVENTS = f"{BASE}/state", f"{BASE}/events"


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def watcher(broker: Mosquitto) -> Iterator[Watcher]:
    with Watcher(broker.plain, "emotion-agent/#", "homeassistant/#") as watcher:
        yield watcher


class Agent:
    """`emotion-agent run` on a film, as a process."""

    def __init__(self, folder: Path, broker: Mosquitto, film: Path) -> None:
        self.film = film
        self.file = folder / "agent.toml"
        self.log = folder / "log"
        self._folder = folder
        self._broker = broker
        self._process: subprocess.Popen[bytes] | None = None
        self.configure()

    def configure(self, more: str = "") -> None:
        self.file.write_text(
            f"""
device = "hall"
[source]
uri = "{self.film}"
[mqtt]
host = "localhost"
port = {self._broker.tls}
tls = true
ca_file = "{self._broker.folder}/ca.crt"
username = "agent"
password = "{USERS["agent"]}"
state_interval = 0.5
{more}
"""
        )

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "agent.cli", "run", "--config", str(self.file)],
                env=os.environ | {"STATE_DIRECTORY": str(self._folder)},
                stdout=log,
                stderr=log,
            )

    def send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        status = self._process.wait(PATIENCE)
        self._process = None
        return status

    def has_the_film_open(self) -> bool:
        """Whether the source is open, as the kernel sees it."""
        assert self._process is not None
        descriptors = Path(f"/proc/{self._process.pid}/fd").iterdir()
        return str(self.film) in {os.path.realpath(descriptor) for descriptor in descriptors}


@pytest.fixture
def agent(tmp_path: Path, broker: Mosquitto, demo_file: DemoFile) -> Iterator[Agent]:
    agent = Agent(tmp_path, broker, demo_file("single_face.mp4").resolve())
    yield agent
    agent.end(signal.SIGKILL)


def ask(watcher: Watcher, command: str, payload: str = "") -> Any:
    """Send a command; the result."""
    topic = f"{BASE}/command/{command}/result"
    before = len(watcher.on(topic))
    watcher.publish(f"{BASE}/command/{command}", payload)
    watcher.until(lambda: len(watcher.on(topic)) > before)
    return watcher.on(topic)[-1].json


def test_pausing_turns_the_camera_off_and_keeps_it_off_over_a_crash(
    agent: Agent, watcher: Watcher
) -> None:
    agent.start()
    watcher.first(STATE, lambda state: state["faces"] == 1 and state["emotion"] != "unknown")
    wait_for(agent.has_the_film_open)  # it is closed for a moment where it begins again
    assert ask(watcher, "pause", "ON")["ok"]
    paused = watcher.first(STATE, lambda state: state["state"] == "paused")
    assert (paused["paused"], paused["faces"], paused["emotion"]) == (True, 0, "none")
    assert not agent.has_the_film_open()
    watcher.until(lambda: [e.json["type"] for e in watcher.on(EVENTS)][-1:] == ["ended"])

    agent.end(signal.SIGKILL)
    watcher.until(lambda: watcher.on(f"{BASE}/availability")[-1].payload == b"offline")
    watcher.forget()
    agent.start()
    watcher.first(STATE, lambda state: state["state"] == "paused")
    assert not agent.has_the_film_open()
    assert ask(watcher, "pause", "OFF")["ok"]
    watcher.first(STATE, lambda state: state["state"] == "live" and state["faces"] == 1)
    wait_for(agent.has_the_film_open)  # it is closed for a moment where it begins again
    assert agent.end() == 0
    watcher.until(lambda: watcher.on(f"{BASE}/availability")[-1].payload == b"offline")
    assert "Traceback" not in agent.log.read_text()


def test_settings_are_taken_up_while_running_and_wrong_ones_are_not(
    agent: Agent, watcher: Watcher
) -> None:
    agent.start()
    watcher.first(STATE, lambda state: state["state"] == "live")
    agent.configure("snapshot = true")
    refused = ask(watcher, "reload")
    assert not refused["ok"]
    assert "did you mean 'mqtt.snapshots'" in refused["message"]
    assert "snapshots is off" in ask(watcher, "snapshot")["message"]

    watcher.forget()
    agent.configure("snapshots = true")
    agent.send(signal.SIGHUP)
    until_back(watcher)
    wait_for(lambda: ask(watcher, "snapshot")["ok"])
    watcher.until(lambda: watcher.on(f"{BASE}/snapshot"))
    assert watcher.on(f"{BASE}/snapshot")[0].payload.startswith(b"\xff\xd8")

    agent.configure('snapshots = true\n[runtime]\nmodel = "no-such-model"')
    watcher.forget()
    assert ask(watcher, "reload")["ok"]
    wait_for(lambda: "the new settings cannot be used" in agent.log.read_text())
    watcher.forget()
    watcher.first(STATE, lambda state: state["state"] == "live")
    assert agent.end() == 0
    assert USERS["agent"] not in agent.log.read_text()


def until_back(watcher: Watcher) -> None:
    """Wait until the agent has left the broker and has come back, with its ears open."""
    topic = f"{BASE}/availability"
    told = [b"offline", b"online"]
    watcher.until(lambda: [seen.payload for seen in watcher.on(topic)] == told)


def test_what_mosquitto_sub_shows_is_what_the_guide_prints(
    agent: Agent, broker: Mosquitto, watcher: Watcher, project: Path
) -> None:
    guide = (project / "docs" / "mqtt.md").read_text()
    login = ["-p", str(broker.plain), "-u", "watcher", "-P", USERS["watcher"]]
    with (agent.log.parent / "shown").open("wb") as shown:
        program = ["mosquitto_sub", *login, "-v", "-t", "emotion-agent/#"]
        subscriber = subprocess.Popen(program, stdout=shown)
    try:
        agent.start()
        watcher.until(lambda: len(watcher.on(EVENTS)) >= 3)
        result = ask(watcher, "mute", "ON")
        watcher.first(STATE, lambda state: state["muted"])
        agent.end()
        wait_for(lambda: f"{BASE}/availability offline" in shown_by(agent))
    finally:
        subscriber.terminate()
        subscriber.wait()
    lines = shown_by(agent).splitlines()
    messages: dict[str, list[str]] = {}
    for line in lines:
        topic, _, payload = line.partition(" ")
        messages.setdefault(topic, []).append(payload)

    documented = set(re.findall(r"^\| `(emotion-agent/hall/[^`]+)`", guide, re.MULTILINE))
    told = {topic.replace("/command/mute", "/command/NAME") for topic in messages}
    assert told == documented - {f"{BASE}/snapshot"}
    assert fields_of(messages[STATE]) == table(guide, "state")
    assert fields_of(messages[EVENTS]) == table(guide, "events")
    for section, topic in (("state", STATE), ("events", EVENTS)):
        (example,) = re.findall(rf"^{topic} (\{{.*?\}})$", guide, re.MULTILINE | re.DOTALL)
        shape = {name.rpartition("*")[0] or name for name in table(guide, section)}
        assert {n.rpartition("*")[0] or n for n in fields_of([example])} == shape
    (example,) = re.findall(rf"^{BASE}/command/pause/result (\{{.*?\}})$", guide, re.M | re.S)
    assert json.loads(example).keys() == result.keys()


def shown_by(agent: Agent) -> str:
    """What mosquitto_sub has shown so far."""
    return (agent.log.parent / "shown").read_text()


def table(guide: str, section: str) -> set[str]:
    """The fields in the table of a section."""
    text = guide.partition(f"\n### {section}\n")[2].partition("\n#")[0]
    return set(re.findall(r"^\| `([^`]+)`", text, re.MULTILINE))


def fields_of(payloads: list[str]) -> set[str]:
    """The names of all fields; those of free choice as `*`."""
    names = {name for payload in payloads for name in flat(json.loads(payload))}
    return {re.sub(r"^(health|probabilities)\..*", r"\1.*", name) for name in names}


def flat(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from flat(inner, f"{name}[]")
    elif not (isinstance(value, list) and name == "tracks"):  # nobody there
        yield name
