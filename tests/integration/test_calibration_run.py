"""Neutral calibration as people ask for it: on the command line, on the page, over MQTT."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path

import cv2
import pytest

from agent.calibration import Calibration
from agent.cli import main
from agent.settings import Settings, SourceSettings
from agent.sources.opening import open_source
from agent.types import Frame
from agent.vision import open_vision
from tests.brokers.mosquitto import USERS, Mosquitto
from tests.brokers.watcher import Watcher, wait_for
from tests.browsers.chromium import Visitor, chromium
from tests.patience import PATIENCE

DemoFile = Callable[[str], Path]

STATE, COMMAND = "emotion-agent/hall/state", "emotion-agent/hall/command/calibrate"


class Agent:
    """`emotion-agent run` before one resting face, with its page and a broker."""

    def __init__(self, folder: Path, face: Path, broker: Mosquitto) -> None:
        self.log = folder / "log"
        self.kept = folder / "hall" / "baseline.json"
        self.port = 0
        self._folder = folder
        film = cv2.VideoWriter(str(folder / "rest.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, _SIZE)
        picture = cv2.imread(str(face))
        assert picture is not None
        image = cv2.resize(picture, _SIZE)
        for _ in range(600):
            film.write(image)
        film.release()
        (folder / "agent.toml").write_text(
            f'device = "hall"\nsource.uri = "{folder}/rest.avi"\nmqtt.host = "127.0.0.1"\n'
            f"mqtt.port = {broker.plain}\n"
            f'mqtt.username = "agent"\nmqtt.password = "{USERS["agent"]}"\n'
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.log.write_bytes(b"")
        command = [
            sys.executable,
            "-m",
            "agent.cli",
            "run",
            "--config",
            f"{self._folder}/agent.toml",
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--set", "web.enabled=true", "--set", "web.port=0"],
                env=os.environ | {"STATE_DIRECTORY": str(self._folder)},
                stdout=log,
                stderr=log,
            )
        page = r"the page is at http://127\.0\.0\.1:(\d+)/"
        wait_for(lambda: re.search(page, self.log.read_text()))
        self.port = int(re.findall(page, self.log.read_text())[0])

    def end(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE)
            self._process = None

    def command_line(self, *more: str) -> int:
        page = ["--set", "web.enabled=true", "--set", f"web.port={self.port}"]
        return main(["calibrate", *page, *more])


_SIZE = (320, 376)


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def agent(tmp_path: Path, hopper_file: Path, broker: Mosquitto) -> Iterator[Agent]:
    agent = Agent(tmp_path, hopper_file, broker)
    yield agent
    agent.end(signal.SIGKILL)


def test_a_resting_face_is_measured_kept_and_undone_by_every_way(
    agent: Agent, broker: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    agent.start()
    with Watcher(broker.plain, "emotion-agent/#") as watcher:
        watcher.first(STATE, lambda state: state["emotion"] == "neutral")
        _by_command_line(agent, capsys)
        _by_mqtt(agent, watcher)
        _on_the_page(agent)
        watcher.first(STATE, lambda state: state["calibration"]["state"] == "measuring")
    assert "Traceback" not in agent.log.read_text()


def _by_command_line(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert agent.command_line() == 0
    assert "applied since" in capsys.readouterr().out
    assert agent.kept.exists()
    agent.end()
    agent.start()
    wait_for(  # the page is there before the model is
        lambda: agent.command_line("--show") == 0 and "applied since" in capsys.readouterr().out
    )
    assert agent.command_line("--undo") == 0
    assert not agent.kept.exists()
    assert agent.command_line("--show") == 0
    assert "not calibrated" in capsys.readouterr().out


def _by_mqtt(agent: Agent, watcher: Watcher) -> None:
    watcher.forget()
    watcher.first(STATE, lambda state: state["state"] == "live")
    watcher.publish(COMMAND, "sideways")
    watcher.first(f"{COMMAND}/result", lambda told: "START or UNDO" in told["message"])
    watcher.publish(COMMAND, "START")
    watcher.first(f"{COMMAND}/result", lambda told: told["ok"] and "neutral" in told["message"])
    watcher.first(STATE, lambda state: state["calibration"]["state"] == "measuring")
    watcher.forget()  # states of the command line's turn may have come late
    watcher.first(STATE, lambda state: state["calibration"]["state"] == "applied")
    assert agent.kept.exists()
    watcher.publish(COMMAND, "UNDO")
    watcher.first(f"{COMMAND}/result", lambda told: told["ok"] and "undone" in told["message"])
    assert not agent.kept.exists()


def _on_the_page(agent: Agent) -> None:
    with chromium() as browser:
        visitor = Visitor(browser)
        visitor.visit(f"http://127.0.0.1:{agent.port}/")
        visitor.until(lambda: visitor.text("#connection") == "Live")
        visitor.page.get_by_role("button", name="Look neutral for five seconds").click()
        visitor.until(lambda: "keep still" in visitor.text("#calibration"))
        visitor.until(lambda: "Applied since" in visitor.text("#calibration"))
        if shots := os.environ.get("PAGE_SHOTS"):
            visitor.page.screenshot(path=f"{shots}/calibration.png", full_page=True)
        visitor.page.get_by_role("button", name="Undo").click()
        visitor.until(lambda: "have it measured" in visitor.text("#calibration"))
        assert visitor.errors == []
        visitor.close()
    assert not agent.kept.exists()


def test_without_an_agent_the_command_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--set", "web.enabled=true", "--set", "web.port=1"]) == 1
    assert "no agent answers at 127.0.0.1:1" in capsys.readouterr().err
    assert main(["calibrate", "--set", "web.enabled=false"]) == 1
    assert "web.enabled is off" in capsys.readouterr().err


def test_a_face_that_rests_as_neutral_has_the_same_events_afterwards(demo_file: DemoFile) -> None:
    frames = _frames(demo_file("single_face.mp4"))
    resting = [frame for frame in frames if frame.time < 0.4]
    calibration = Calibration()
    with ExitStack() as stack:
        vision = open_vision(Settings(), "film", stack, calibration=calibration)
        calibration.begin()
        for number in count():
            again = replace(resting[number % len(resting)], time=number / 5)
            vision.pipeline.process(again)
            if calibration.state != "measuring":
                break
    assert calibration.state == "applied", calibration.refusal
    assert _emotions(frames, calibration) == _emotions(frames, Calibration())


def _frames(film: Path) -> list[Frame]:
    with open_source(SourceSettings(uri=str(film), pace="none", loop=False)) as source:
        return [frame for frame in iter(lambda: source.read(10.0), None) if frame is not None]


def _emotions(frames: list[Frame], calibration: Calibration) -> list[tuple[int, str, str]]:
    with ExitStack() as stack:
        vision = open_vision(Settings(), "film", stack, calibration=calibration)
        events = [event for frame in frames for event in vision.pipeline.process(frame)]
    assert {event.emotion for event in events} >= {"neutral", "happiness"}
    return [(event.frame, event.type, event.emotion) for event in events]
