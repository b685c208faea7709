"""The agent as a service: what it tells systemd, and what a reload leaves alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.patience import PATIENCE
from tests.supervised import SupervisedAgent

DemoFile = Callable[[str], Path]

BROKER = '[mqtt]\nhost = "127.0.0.1"\nport = 1\n'
"""One that is away."""


@pytest.fixture
def portrait(demo_file: DemoFile, tmp_path: Path) -> Path:
    """A folder with one face, twice."""
    folder = tmp_path / "portrait"
    folder.mkdir()
    for name in ("1.png", "2.png"):
        shutil.copy(demo_file("astronaut.png"), folder / name)
    return folder


def watching(source: Path | str, more: str = "") -> str:
    return f"""
device = "hall"
[source]
uri = "{source}"
fps = 10
{more}
"""


def events(file: Path) -> list[dict[str, Any]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


def turn_camera_off(agent: SupervisedAgent) -> None:
    (page,) = re.findall(r"the page is at (\S+)", agent.log.read_text())
    headers = {"X-Emotion-Agent": "test", "Content-Type": "application/json"}
    urlopen(
        Request(f"{page}api/v1/commands/pause", b'{"on": true}', headers), timeout=PATIENCE
    ).close()


def test_a_service_is_ready_with_its_first_frame_and_says_when_it_stops(
    tmp_path: Path, portrait: Path
) -> None:
    with SupervisedAgent(tmp_path, watching(portrait)) as agent:
        agent.until_ready()
        agent.until(lambda: agent.line.status.startswith("live: 1 face,"))
        agent.until_fed()
        assert agent.stop() == 0
        assert agent.line.messages[-1] == "STOPPING=1\nSTATUS=stopping"
        assert agent.line.count("READY=1") == 1


def test_a_missing_camera_is_waited_for_and_no_reason_to_start_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOTION_AGENT__WEB__ENABLED", "true")
    with SupervisedAgent(tmp_path, watching("/dev/video99", "[web]\nport = 0\n")) as agent:
        agent.until_ready()
        agent.until(lambda: agent.line.status.startswith("degraded (source: /dev/video99: no such"))
        agent.until_fed(4)
        turn_camera_off(agent)
        agent.until(lambda: agent.line.status == "paused")  # nothing ails a camera that is off
        assert agent.stop() == 0


def test_a_camera_turned_off_is_no_reason_to_start_again(tmp_path: Path, portrait: Path) -> None:
    (tmp_path / "hall").mkdir()
    (tmp_path / "hall" / "switches.json").write_text('{"muted": false, "paused": true}')
    with SupervisedAgent(tmp_path, watching(portrait, BROKER)) as agent:
        agent.until_ready()
        agent.until(lambda: agent.line.status.startswith("paused"))
        agent.until_fed(4)
        assert agent.stop() == 0


def test_a_source_that_blocks_starves_the_watchdog(tmp_path: Path, portrait: Path) -> None:
    with SupervisedAgent(tmp_path, watching(portrait)) as agent:
        agent.until_ready()
        agent.until_fed()
        for picture in portrait.iterdir():
            picture.unlink()
            os.mkfifo(picture)  # reading it waits for ever, as a hung disk would
        fed = -1
        while fed != agent.line.count("WATCHDOG=1"):  # the last frame may still be worked on
            fed = agent.line.count("WATCHDOG=1")
            with pytest.raises(pytest.fail.Exception):
                agent.until(lambda: agent.line.count("WATCHDOG=1") > fed, 2.5)  # noqa: B023
        agent.process.send_signal(signal.SIGABRT)  # what systemd does then
        assert agent.process.wait(PATIENCE) == -signal.SIGABRT


def test_a_reload_of_what_concerns_sinks_alone_keeps_the_track(
    tmp_path: Path, portrait: Path
) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    settings = watching(portrait, f'[events]\nfile = "{one}"\n')
    with SupervisedAgent(tmp_path, settings) as agent:
        agent.until(lambda: len(events(one)) > 0)
        agent.reload(watching(portrait, f'[events]\nfile = "{two}"\n[history]\ndays = 3\n'))
        agent.until_told("taking up new settings: events, history")
        agent.until(two.exists)
        agent.until_fed()
        assert agent.stop() == 0
    assert [event["type"] for event in events(one)] == ["started"]
    (last,) = events(two)
    assert (last["type"], last["track"]) == ("ended", events(one)[0]["track"])
    assert (tmp_path / "log").read_text().count(f"reading {portrait}") == 1


def test_a_reload_of_the_source_opens_the_new_one_and_keeps_the_sinks(
    tmp_path: Path, portrait: Path, demo_file: DemoFile
) -> None:
    file = tmp_path / "events.jsonl"
    sink = f'[events]\nfile = "{file}"\n'
    film = demo_file("single_face.mp4")
    with SupervisedAgent(tmp_path, watching(portrait, sink)) as agent:
        agent.until(lambda: len(events(file)) > 0)
        agent.reload(watching(film, sink))
        agent.until(lambda: events(file)[-1]["source"] == str(film))
        assert agent.stop() == 0
    assert [e["type"] for e in events(file) if e["source"] == str(portrait)] == ["started", "ended"]


def test_a_bad_file_keeps_the_former_settings_and_says_so(tmp_path: Path, portrait: Path) -> None:
    with SupervisedAgent(tmp_path, watching(portrait)) as agent:
        agent.until_ready()
        agent.reload(watching(portrait, "[faces]\nmin_sice = 3\n"))
        agent.until(lambda: "did you mean 'faces.min_size'" in agent.line.status)
        assert agent.line.status.startswith("degraded (settings: not taken: ")
        agent.until_fed(4)
        agent.reload(watching(portrait))
        agent.until(lambda: agent.line.status.startswith("live"))
        assert agent.stop() == 0
    assert (tmp_path / "log").read_text().count(f"reading {portrait}") == 1


def test_settings_that_prove_useless_are_undone(tmp_path: Path, portrait: Path) -> None:
    with SupervisedAgent(tmp_path, watching(portrait)) as agent:
        agent.until_ready()
        agent.reload(watching(portrait, '[runtime]\nmodel = "no-such-model"\n'))
        agent.until_told("the new settings cannot be used: runtime.model: unknown model")
        agent.until_told(f"reading {portrait}", 2)
        told = [line for line in agent.line.messages if line.startswith("WATCHDOG_USEC")]
        assert told == 2 * ["WATCHDOG_USEC=300000000", "WATCHDOG_USEC=2000000\nWATCHDOG=1"]
        agent.until(lambda: agent.line.status.startswith("degraded (settings: not used: runtime"))
        agent.reload(watching(portrait))
        agent.until(lambda: agent.line.status.startswith("live"))
        agent.until_fed()
        assert agent.stop() == 0


def test_an_agent_that_can_keep_nothing_goes_on(tmp_path: Path, portrait: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = tmp_path / "file" / "state"  # cannot be made, as on a disk that is read-only
    with SupervisedAgent(tmp_path, watching(portrait), state=nowhere) as agent:
        agent.until(lambda: "history: not written: cannot make the state" in agent.line.status)
        agent.until_fed(4)
        agent.reload(watching(portrait, BROKER))  # whose commands must be kept
        agent.until_told("the new settings cannot be used: cannot make the state folder")
        agent.until_fed(4)
        assert agent.stop() == 0


def test_a_new_name_whose_state_cannot_be_kept_is_not_taken(tmp_path: Path, portrait: Path) -> None:
    (tmp_path / "kitchen").touch()
    with SupervisedAgent(tmp_path, watching(portrait, BROKER)) as agent:
        agent.until_ready()
        agent.reload(watching(portrait, BROKER).replace("hall", "kitchen"))
        agent.until_told(f"cannot be used: cannot make {tmp_path}/kitchen: File exists")
        agent.until(lambda: "settings: not used: cannot make" in agent.line.status)
        agent.until_fed()
        assert agent.stop() == 0


def test_a_file_that_is_edited_is_taken_up_by_itself(tmp_path: Path, portrait: Path) -> None:
    file = tmp_path / "events.jsonl"
    with SupervisedAgent(tmp_path, watching(portrait)) as agent:
        agent.until_ready()
        agent.file.write_text(watching(portrait, f'[events]\nfile = "{file}"\n'))
        agent.until_told("taking up new settings: events")
        agent.until(file.exists)
        assert agent.stop() == 0


def test_signals_that_come_close_together_do_not_hold_the_agent(
    tmp_path: Path, portrait: Path
) -> None:
    with SupervisedAgent(tmp_path, watching(portrait)) as agent:
        agent.until_ready()
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            agent.process.send_signal(signal.SIGHUP)
        agent.until_fed()
        assert agent.stop() == 0


def test_a_start_that_fails_leaves_its_reason_in_the_status(tmp_path: Path) -> None:
    with SupervisedAgent(tmp_path, watching(tmp_path / "none.mp4")) as agent:
        assert agent.process.wait(PATIENCE) == 1
        assert agent.line.status.startswith(f"failed: {tmp_path}/none.mp4: ")
        assert agent.line.count("READY=1") == 0
