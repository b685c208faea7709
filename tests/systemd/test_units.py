"""The units as systemd reads them. How they behave: `tests/systemd/run`, under a real systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent import http_server
from agent.feedback import feedback
from agent.runtimes.mms import servers
from agent.sources import live

MOST_EXPOSED = 2.0
UNITS = ("emotion-agent.service", "emotion-agent@.service")
OWN_LINES = (
    "#", "Description=", "ExecStart=", "EnvironmentFile=", "StateDirectory=", "RuntimeDirectory=",
)  # fmt: skip

analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def laid_out(folder: Path, project: Path, unit: str, *additions: str) -> Path:
    """A unit in a folder of its own, with a command that exists, and drop-ins."""
    text = (project / "systemd" / unit).read_text()
    (folder / unit).write_text(text.replace("/usr/local/bin/emotion-agent", "/bin/true"))
    drop_ins = folder / f"{unit}.d"
    drop_ins.mkdir()
    for addition in additions:
        shutil.copy(project / "systemd" / addition, drop_ins)
    return folder / unit


def analysed(unit: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *command, f"./{unit.name}"],
        cwd=unit.parent,
        capture_output=True,
        text=True,
        check=False,
    )


@analyze
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("additions", [(), ("jetson.conf",)], ids=["plain", "jetson"])
def test_a_unit_is_valid_and_little_exposed(
    unit: str, additions: tuple[str, ...], project: Path, tmp_path: Path
) -> None:
    path = laid_out(tmp_path, project, unit, *additions)
    verified = analysed(path, "verify")
    assert (verified.returncode, verified.stderr) == (0, "")
    limit = f"--threshold={10 * MOST_EXPOSED:.0f}"
    exposed = analysed(path, "security", "--offline=true", limit)
    assert exposed.returncode == 0, exposed.stdout


@analyze
def test_a_unit_with_a_mistake_is_found(project: Path, tmp_path: Path) -> None:
    path = laid_out(tmp_path, project, UNITS[0])
    path.write_text(path.read_text() + "[Service]\nRestartSecs=3\n")
    assert "RestartSecs" in analysed(path, "verify").stderr


@analyze
def test_the_agent_may_lower_the_priority_of_a_thread_and_set_no_limits(project: Path) -> None:
    allowed: set[str] = set()
    for line in (project / "systemd" / UNITS[0]).read_text().splitlines():
        key, _, value = line.partition("=")
        if key == "SystemCallFilter":
            calls = _calls(value.removeprefix("~").split())
            allowed = allowed - calls if value.startswith("~") else allowed | calls
    assert {"setpriority", "read"} <= allowed
    assert not {"setrlimit", "sched_setscheduler", "chroot"} & allowed


@pytest.mark.parametrize("unit", UNITS)
def test_an_agent_in_which_something_hangs_ends_before_systemd_kills_it(
    unit: str, project: Path
) -> None:
    (stop,) = re.findall(r"^TimeoutStopSec=(\d+)$", (project / "systemd" / unit).read_text(), re.M)
    sinks = feedback._CHANGING + feedback._CLOSING
    assert live._PATIENCE + sinks + live._LEAVING < int(stop)
    assert live._PATIENCE + http_server._PATIENCE + servers._CLOSING + sinks < int(stop)


def _calls(names: list[str]) -> set[str]:
    """System calls by their names and by those of systemd's groups."""
    calls: set[str] = set()
    for name in names:
        if not name.startswith("@"):
            calls.add(name)
            continue
        listed = subprocess.run(
            ["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True
        )
        members = [line.strip() for line in listed.stdout.splitlines()[1:]]
        calls |= _calls([member for member in members if member and not member.startswith("#")])
    return calls


def test_both_units_are_alike_but_for_what_is_each_camera_s_own(project: Path) -> None:
    one, many = (
        [
            line
            for line in (project / "systemd" / unit).read_text().splitlines()
            if not line.startswith(OWN_LINES)
        ]
        for unit in UNITS
    )
    assert one == many
