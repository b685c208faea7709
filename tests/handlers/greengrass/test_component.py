"""The recipe's own scripts, run as a nucleus runs them: install, run, and what goes wrong.

The nucleus is a stand-in (`tests/nuclei`); installing, AWS's client and the agent are real.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from handlers.greengrass import artifact
from handlers.greengrass.artifact import Written
from tests.brokers.watcher import wait_for
from tests.nuclei.nucleus import Nucleus

_SLOW = 900  # seconds until something that hangs is given up


@pytest.fixture
def nucleus() -> Iterator[Nucleus]:
    with tempfile.TemporaryDirectory() as folder, Nucleus(Path(folder, "ipc")) as nucleus:
        yield nucleus


class Core:
    """A core device's folders, and the component's scripts with its variables filled in."""

    def __init__(
        self,
        folder: Path,
        built: Written,
        architecture: str = "amd64",
        work: Path | None = None,
    ) -> None:
        self.work = work or folder / "work folder"
        self.work.mkdir(exist_ok=True)
        self.unpacked = folder / "unpacked"
        with zipfile.ZipFile(built.archive) as archive:
            archive.extractall(self.unpacked / built.archive.stem)
        recipe = json.loads(built.recipe.read_text())
        [self.steps] = [
            manifest["Lifecycle"]
            for manifest in recipe["Manifests"]
            if manifest["Platform"]["architecture"] == architecture
        ]

    def script(self, step: str) -> list[str]:
        script: str = self.steps[step]["Script"]
        script = script.replace("{artifacts:decompressedPath}", str(self.unpacked))
        return ["sh", "-c", script.replace("{work:path}", str(self.work))]

    def run(self, step: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        given = _plain() | self.steps["Setenv"] | environment
        return subprocess.run(
            self.script(step), env=given, capture_output=True, text=True, timeout=_SLOW, check=False
        )


def _plain() -> dict[str, str]:
    """The environment without what concerns this project's own."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("EMOTION_AGENT", "PYTHON"))}


@pytest.fixture(scope="module")
def core(built: Written, tmp_path_factory: pytest.TempPathFactory) -> Core:
    """A core device on which the install step has run."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--retries=0", "--no-deps", "idna"]
    folder = tmp_path_factory.mktemp("core")
    if subprocess.run([*pip, "--dest", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("no package index can be reached: the install step needs one")
    core = Core(folder, built)
    # Without compiling, which the first start does anyway for what it needs.
    done = core.run("Install", {"PYTHON": sys.executable, "PIP_NO_COMPILE": "1"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("emotion-agent: emotion-agent 0."), done.stdout
    return core


def test_installed_and_run_in_a_fresh_folder_its_events_reach_the_nucleus(
    core: Core, nucleus: Nucleus, demo_file: Callable[[str], Path]
) -> None:
    told = core.work / "events.jsonl"
    nucleus.conduct.configuration = {
        "settings": {
            "source": {"uri": str(demo_file("single_face.mp4")), "pace": "none", "fps": None},
            "feedback": {"greengrass": {"topic": "emotion-agent/{device}/events"}},
            "events": {"file": str(told)},
            "web": {"enabled": False},
        }
    }
    environment = _plain() | core.steps["Setenv"] | nucleus.environment
    agent = subprocess.Popen(core.script("Run"), env=environment, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: len(nucleus.published) >= 3 or agent.poll() is not None)
        agent.send_signal(signal.SIGTERM)
        errors = agent.communicate(timeout=_SLOW)[1]
    finally:
        agent.kill()
    assert agent.returncode == 0, errors
    published = nucleus.published
    lines = [json.loads(line) for line in told.read_text().splitlines()]
    assert len(published) >= 3
    assert [event.json for event in published] == lines[: len(published)]
    assert {event.topic for event in published} == {"emotion-agent/hall-camera/events"}
    assert published[0].json["device"] == "hall-camera"
    assert (core.work / "state" / "hall-camera" / "greengrass-outbox.sqlite").exists()


def test_installing_again_does_nothing(core: Core) -> None:
    done = core.run("Install", {"PYTHON": "/no/python", "PIP_NO_INDEX": "1"})
    assert (done.returncode, done.stdout) == (0, "emotion-agent: is installed already\n")


def version_in(core: Core) -> str:
    """What the agent that the run step would start says of itself."""
    program = [str(core.work / "venv" / "bin" / "emotion-agent"), "--version"]
    return subprocess.run(program, capture_output=True, text=True, check=True).stdout


def test_a_failed_upgrade_leaves_the_agent_as_it_was_and_a_core_can_go_back_without_a_network(
    core: Core, parts: dict[str, bytes], project: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "python"  # makes no environment, as where the disk is full
    broken.write_text('#!/bin/sh\n[ "$1" = -c ]\n')
    broken.chmod(0o755)
    before = version_in(core)
    [wheel] = [name for name in parts if name.endswith(".whl")]
    (tmp_path / wheel).write_bytes(parts[wheel])
    lock = tmp_path / "requirements.lock"
    whole = (project / "requirements" / "greengrass.lock").read_text()
    [one] = re.findall(r"^idna==.+\n(?: .+\n)+", whole, re.MULTILINE)  # of many packages
    lock.write_text(one)
    written = artifact.write(tmp_path, artifact.contents(tmp_path / wheel, lock), "s3://bucket")
    newer = Core(tmp_path, written, work=core.work)

    failed = newer.run("Install", {"PYTHON": str(broken)})
    assert (failed.returncode, "error: cannot make" in failed.stderr) == (1, True)
    assert version_in(core) == before

    done = newer.run("Install", {"PYTHON": sys.executable, "PIP_NO_COMPILE": "1"})
    assert done.returncode == 0, done.stderr
    assert not list((core.work / "venv" / "lib").glob("*/site-packages/numpy"))
    back = core.run("Install", {"PYTHON": "/no/python", "PIP_NO_INDEX": "1"})
    assert (back.returncode, back.stdout) == (0, "emotion-agent: is installed already\n")
    assert version_in(core) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [("SHA256SUMS", "SHA256SUMS: FAILED"), ("greengrass.lock", "greengrass.lock: FAILED")],
)
def test_a_changed_artifact_is_not_installed(
    built: Written, tmp_path: Path, name: str, words: str
) -> None:
    core = Core(tmp_path, built, "aarch64")
    with next(core.unpacked.glob(f"*/{name}")).open("a") as stream:
        stream.write("# changed\n")
    done = core.run("Install", {})
    assert done.returncode == 1
    assert words in done.stdout + done.stderr
    assert not list(core.work.iterdir())


def test_no_python_is_told(built: Written, tmp_path: Path) -> None:
    done = Core(tmp_path, built).run("Install", {"PYTHON": "/no/python"})
    assert done.returncode == 1
    assert done.stderr.startswith("emotion-agent: error: no Python 3.10 or newer with venv")


def _run_step(work: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The program of the run step, from this tree."""
    command = [sys.executable, "-m", "handlers.greengrass", "run", str(work)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_SLOW, check=False
    )


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        (
            {"settings": {"faces": {"detektor": "haar"}}},
            "agent.toml:3: unknown setting 'faces.detektor'; did you mean 'faces.detector'?",
        ),
        ({"settings": "faces"}, "unknown setting 'settings'"),
    ],
)
def test_a_wrong_key_gives_the_agents_own_error(
    nucleus: Nucleus, tmp_path: Path, configuration: dict[str, Any], words: str
) -> None:
    nucleus.conduct.configuration = configuration
    done = _run_step(tmp_path, _plain() | nucleus.environment)
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "agent.toml").stat().st_mode & 0o777 == 0o600


def test_without_a_nucleus_the_run_step_says_so(nucleus: Nucleus, tmp_path: Path) -> None:
    done = _run_step(tmp_path, _plain())
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "works only where a Greengrass nucleus has started this process" in done.stderr
    nucleus.stop()
    done = _run_step(tmp_path, _plain() | nucleus.environment)
    assert done.returncode == 1
    assert done.stderr == (
        "emotion-agent greengrass: error: the nucleus does not give the configuration: "
        "its socket is not there\n"
    )
