"""Parts that fail one by one: what the agent says of each, and that it lives on where it can."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.supervised import SupervisedAgent

DemoFile = Callable[[str], Path]


@pytest.fixture
def watching(demo_file: DemoFile, tmp_path: Path) -> str:
    """Settings for a source that shows one face."""
    folder = tmp_path / "portrait"
    folder.mkdir()
    for name in ("1.png", "2.png"):
        shutil.copy(demo_file("astronaut.png"), folder / name)
    return f'device = "hall"\n[source]\nuri = "{folder}"\nfps = 10\n'


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_costs_the_history_and_nothing_else(
    tmp_path: Path, small_disk: Path, watching: str
) -> None:
    (small_disk / "filler").write_bytes(b"x" * 60_000)
    (tmp_path / "hall").symlink_to(small_disk)  # the device's part of the state folder
    with SupervisedAgent(tmp_path, watching) as agent:
        agent.until_told("the history is not written: ")
        agent.until(lambda: "history: not written: " in agent.line.status)
        assert agent.line.status.startswith("degraded (")
        agent.until_fed(4)
        (small_disk / "filler").unlink()
        assert agent.stop() == 0
    assert "Traceback" not in agent.log.read_text()


def test_a_target_that_is_full_takes_no_more_events_and_the_agent_goes_on(
    tmp_path: Path, watching: str
) -> None:
    with SupervisedAgent(tmp_path, watching + '[events]\nfile = "/dev/full"\n') as agent:
        agent.until_told("/dev/full takes no more events: No space left on device")
        agent.until(lambda: "events.file: takes no more events" in agent.line.status)
        agent.until_fed()
        agent.reload(watching + f'[events]\nfile = "{tmp_path}/events"\n')
        agent.until(lambda: agent.line.status.startswith("live"))
        assert agent.stop() == 0


def test_a_corrupt_history_is_moved_aside(tmp_path: Path, watching: str) -> None:
    folder = tmp_path / "hall"
    folder.mkdir()
    (folder / "history.db").write_bytes(os.urandom(20_000))
    with SupervisedAgent(tmp_path, watching) as agent:
        agent.until_told("moved to history.db.damaged, a new one is begun")
        agent.until(lambda: agent.line.status.startswith("live"))
        assert agent.stop() == 0
    assert (folder / "history.db.damaged").exists()


def test_a_missing_model_ends_the_start_with_a_line(tmp_path: Path, watching: str) -> None:
    failed = started_in_vain(tmp_path, watching + '[runtime]\nmodel = "no-such"\n')
    assert failed.startswith("failed: runtime.model: unknown model 'no-such'; known are ")


def test_a_model_with_a_wrong_hash_is_refused(tmp_path: Path, watching: str, project: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(project / "models" / "fer-compact", model)
    with (model / "model-int8.tflite").open("ab") as file:
        file.write(b"more")
    runtime = f'[runtime]\nkind = "tflite"\nmodel = "{model}"\n'
    failed = started_in_vain(tmp_path, watching + runtime)
    assert failed.startswith(f"failed: {model}/model-int8.tflite: SHA-256 is ")
    assert "fetch it again" in failed


def test_missing_weights_of_a_detector_come_with_the_command_that_fetches_them(
    tmp_path: Path, watching: str
) -> None:
    settings = watching + f'[faces]\ndetector = "yunet"\nyunet_model = "{tmp_path}/none.onnx"\n'
    assert f"{tmp_path}/none.onnx" in started_in_vain(tmp_path, settings)


def test_a_port_that_is_taken_is_named(tmp_path: Path, watching: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        failed = started_in_vain(tmp_path, watching + f"[api]\nenabled = true\nport = {port}\n")
    assert failed.startswith(f"failed: api.port {port}: another program listens on ")


def started_in_vain(folder: Path, settings: str) -> str:
    """The status that a start leaves which ends by itself."""
    with SupervisedAgent(folder, settings) as agent:
        assert agent.process.wait(PATIENCE) == 1
        log = agent.log.read_text()
        assert "Traceback" not in log
        assert "emotion-agent: error: " in log
        assert agent.line.count("READY=1") == 0
        return agent.line.status
