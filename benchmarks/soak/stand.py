"""The test stand: the agent as a process, with a camera, a broker, a sound card and a page."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from benchmarks.soak.camera import store_footage
from benchmarks.soak.clients import Reader
from benchmarks.soak.clock import JumpingClock
from benchmarks.soak.process import Held, held
from tests.brokers.mosquitto import USERS, Mosquitto
from tests.brokers.watcher import Watcher
from tests.cameras.program import CameraProgram
from tests.ports import free_port
from tests.sound_card import Card

RATE: Final = 15.0
"""Frames a second of the camera."""

EVENTS: Final = "emotion-agent/soak/events"
"""The topic of the events."""

_SETTINGS: Final = """
device = "soak"
[source]
uri = "http://127.0.0.1:{camera}/cam.mjpg"
read_timeout = 1.0
[events]
file = "{folder}/events.jsonl"
[mqtt]
host = "127.0.0.1"
port = {broker}
username = "agent"
password = "{password}"
state_interval = 2.0
[audio]
enabled = true
volume = {volume}
cooldown = 1.0
[emotion]
smoothing = {smoothing}
[web]
port = {page}
enabled = true
"""


@dataclass
class Stand:
    """Everything that a soak needs, running; made by `raised`."""

    folder: Path
    camera: CameraProgram
    broker: Mosquitto
    card: Card
    clock: JumpingClock
    page: int
    watcher: Watcher
    values: dict[str, float] = field(default_factory=lambda: {"volume": 0.5, "smoothing": 0.25})

    def __post_init__(self) -> None:
        self._agent: subprocess.Popen[bytes] | None = None
        self._reader: Reader | None = None

    @property
    def agent(self) -> subprocess.Popen[bytes]:
        """The agent's process."""
        assert self._agent is not None, "not started"
        return self._agent

    @property
    def reader(self) -> Reader:
        """Who has the page open."""
        assert self._reader is not None, "not started"
        return self._reader

    @property
    def state(self) -> Path:
        """The agent's state folder."""
        return self.folder / "state"

    @property
    def log(self) -> str:
        """What the agent has said."""
        return (self.folder / "agent.log").read_text()

    def write_settings(self) -> None:
        """The settings file, with `values` as they are now."""
        (self.folder / "agent.toml").write_text(
            _SETTINGS.format(
                camera=self.camera.port,
                folder=self.folder,
                broker=self.broker.plain,
                password=USERS["agent"],
                page=self.page,
                **self.values,
            )
        )

    def start(self) -> None:
        """Start the agent, and a reader of its page. Raises `SystemExit` where it ends at once."""
        self.write_settings()
        self.state.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            **self.clock.environment,
            "STATE_DIRECTORY": str(self.state),
            "ALSA_CONFIG_PATH": str(self.card.configuration),
            "EMOTION_AGENT__WEB__ENABLED": "true",
        }
        command = [sys.executable, "-m", "agent.cli", "run", "--config"]
        with (self.folder / "agent.log").open("ab") as log:
            self._agent = subprocess.Popen(
                [*command, str(self.folder / "agent.toml")], env=environment, stdout=log, stderr=log
            )
        self.until(lambda: self.look()["state"] == "live", 60, "the agent does not start")
        self._reader = Reader(self.page)

    def is_complete(self) -> bool:
        """Whether everything is open that the first event, sound and visit of the page open."""
        stored = any(self.state.rglob("history.db-wal"))
        return bool(stored and self.watcher.seen and self.reader.opened)

    def look(self) -> dict[str, Any]:
        """The agent's state, by its API; an empty `state` while the page is opened anew."""
        try:
            with urlopen(f"http://127.0.0.1:{self.page}/api/v1/state", timeout=5) as reply:
                found: dict[str, Any] = json.load(reply)
                return found
        except (OSError, ValueError):
            return {"state": "", "frames": 0, "health": {}}

    def ahead(self) -> float:
        """Seconds that the agent's clock is ahead of the machine's; infinite while none answers."""
        told = self.look().get("time")
        if told is None:
            return math.inf
        return datetime.fromisoformat(told.replace("Z", "+00:00")).timestamp() - time.time()

    def clients(self) -> int:
        """How many clients of the page the agent counts; -1 while it does not answer."""
        try:
            with urlopen(f"http://127.0.0.1:{self.page}/metrics", timeout=5) as reply:
                text = reply.read().decode()
        except OSError:
            return -1
        counts = re.findall(r"^emotion_agent_web_clients\{.*\} (\S+)$", text, re.MULTILINE)
        return round(sum(map(float, counts)))

    def is_well(self, after: int = 0) -> bool:
        """Whether pictures come, more than `after` of them did, and nothing ails any part."""
        state = self.look()
        ailing = [words for words in state["health"].values() if words != "ok"]
        return state["state"] == "live" and state["frames"] > after and not ailing

    def until(self, wanted: Callable[[], object], seconds: float, words: str) -> None:
        """Wait until a condition holds; `SystemExit` with `words` and the log where it does not."""
        if not self.comes(wanted, seconds):
            sys.exit(f"{words}; the agent's log ends with\n{self.log[-2000:]}")

    def comes(self, wanted: Callable[[], object], seconds: float) -> bool:
        """Whether a condition comes to hold within so many seconds, while the agent runs."""
        until = time.monotonic() + seconds
        while self.agent.poll() is None:
            if wanted():
                return True
            if time.monotonic() > until:
                break
            time.sleep(0.25)
        return False

    def held(self) -> Held:
        """What the agent holds now."""
        return held(self.agent.pid, self.state)

    def stop(self) -> int:
        """Stop the agent as systemd does; its exit status."""
        self.reader.close()
        self.agent.terminate()
        try:
            return self.agent.wait(60)
        except subprocess.TimeoutExpired:
            return self.end()

    def end(self) -> int:
        """Kill the agent, if it still runs; its exit status (0 if it was never started)."""
        if self._agent is None:
            return 0
        self.agent.kill()
        return self.agent.wait()


@contextmanager
def raised(folder: Path) -> Iterator[Stand]:
    """A stand in an empty folder, with the agent live and well."""
    footage = folder / "footage"
    store_footage(footage)
    (folder / "broker").mkdir()
    with ExitStack() as stack:
        program = str(Path(__file__).with_name("camera.py"))
        camera = stack.enter_context(CameraProgram(program, str(footage), str(RATE)))
        broker = stack.enter_context(Mosquitto(folder / "broker"))
        watcher = stack.enter_context(Watcher(broker.plain, EVENTS))
        card = Card(folder)
        card.connect("/dev/null")
        clock = JumpingClock(folder)
        stand = Stand(folder, camera, broker, card, clock, free_port(), watcher)
        stack.callback(stand.end)
        stand.start()
        stand.until(stand.is_well, 60, "the agent is not well")
        stand.until(stand.is_complete, 60, "the agent has told no event")
        yield stand
