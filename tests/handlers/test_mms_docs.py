"""`python -m handlers.mms` and `docs/mms.md`: every command there gives the printed answer."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from handlers.mms.process import members
from tests.patience import PATIENCE
from tests.ports import free_port
from tests.servers.model_server import environment
from tests.servers.processes import group

VOLATILE = {"id", "startTime", "memoryUsage"}
"""Of a worker: they differ in each run."""


@dataclass(frozen=True)
class Serving:
    """A server that was started by the command."""

    command: subprocess.Popen[str]
    ready: str
    ports: tuple[int, int]

    def group_number(self) -> int:
        """The process group of the server."""
        (first,) = (
            Path(f"/proc/{self.command.pid}/task/{self.command.pid}/children").read_text().split()
        )
        return int(first)


@pytest.fixture(scope="module")
def serving(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    ports = free_port(), free_port()
    arguments = [
        *(str(archive), "--environment", str(environment("mms"))),
        *("--port", str(ports[0]), "--management-port", str(ports[1])),
        *("--log", str(tmp_path_factory.mktemp("log") / "server.log")),
    ]
    command = subprocess.Popen(
        [sys.executable, "-m", "handlers.mms", *arguments], stderr=subprocess.PIPE, text=True
    )
    assert command.stderr is not None
    try:
        yield Serving(command, command.stderr.readline(), ports)
    finally:
        command.terminate()
        command.wait()


def documented(text: str) -> list[tuple[str, str]]:
    """The commands of the `console` blocks, each with what is printed below it."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    pieces = re.split(r"^\$ ", "".join(blocks), flags=re.MULTILINE)[1:]
    pairs = [piece.partition("\n") for piece in pieces]
    return [(command, printed.strip()) for command, _, printed in pairs]


def alike(found: Any, printed: Any, key: str = "") -> bool:
    """Whether two answers say the same: probabilities may differ a little between processors."""
    if key in VOLATILE:
        return type(found) is type(printed)
    if isinstance(printed, dict):
        return found.keys() == printed.keys() and all(
            alike(found[name], value, name) for name, value in printed.items()
        )
    if isinstance(printed, list):
        return len(found) == len(printed) and all(map(alike, found, printed))
    if isinstance(printed, float):
        return bool(abs(found - printed) < 0.05)
    return bool(found == printed)


def test_the_documents_commands_give_the_printed_answers(
    serving: Serving, project: Path, hopper_file: Path, astronaut_file: Path, tmp_path: Path
) -> None:
    assert "is ready: http://127.0.0.1:" in serving.ready
    shutil.copy(hopper_file, tmp_path / "face.jpg")
    shutil.copy(astronaut_file, tmp_path / "other.png")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    commands = documented((project / "docs" / "mms.md").read_text())
    assert sum("curl" in command for command, _ in commands) > 15
    for command, printed in commands:
        here = command.replace(":8080", f":{serving.ports[0]}")
        here = here.replace(":8081", f":{serving.ports[1]}")
        done = subprocess.run(
            ["bash", "-c", here],
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        found = done.stdout.strip()
        if printed.startswith(("{", "[")):
            assert alike(json.loads(found), json.loads(printed.replace("\n", " "))), found
        else:
            assert found == printed, command


def test_ctrl_c_stops_all_of_its_processes(serving: Serving) -> None:
    group_number = serving.group_number()
    processes = group(group_number)
    assert any("java" in one.command for one in processes)
    assert sum("model_service_worker" in one.command for one in processes) >= 2
    serving.command.send_signal(signal.SIGINT)
    _, said = serving.command.communicate(timeout=PATIENCE)
    assert said == "emotion-agent mms: stopped\n"
    assert serving.command.returncode == 0
    assert members(group_number) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.mar"], "none.mar: No such file"),
        (["{archive}", "--port", "50000"], "port 50000: the server takes 1 to 32766"),
        (["{archive}", "--environment", "/nowhere"], "/nowhere/bin/python: no Python that runs"),
        (["{archive}", "--set", "inference_address=nonsense"], "Invalid configuration"),
    ],
)
def test_a_mistake_is_a_line(
    archive: Path, tmp_path: Path, project: Path, arguments: list[str], said: str
) -> None:
    words = [word.format(archive=archive) for word in arguments]
    ports = ["--port", str(free_port()), "--management-port", str(free_port())]
    command = [sys.executable, "-m", "handlers.mms", "--log", str(tmp_path / "log"), *ports]
    done = subprocess.run(
        [*command, "--environment", str(environment("mms")), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("emotion-agent mms: error: ")
    assert said in line
