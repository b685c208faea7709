"""Looks at the board and the service: systemd, clock, disk, memory, temperature."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from agent.board import readings
from agent.board.strain import LITTLE_DISK, LITTLE_MEMORY, USUAL_LIMIT
from agent.doctor.finding import Finding
from agent.errors import AgentError
from agent.places import state_folder

_UNIT: Final = "emotion-agent.service"
_BUILT: Final = 2026
"""A clock that shows an earlier year has been reset."""
_NEAR: Final = 10.0
"""Degrees below the limit from which on the temperature is worth a warning."""


def look_at_service() -> Iterator[Finding]:
    """Ask systemd for the agent's unit."""
    shown = _systemctl("show", "-p", "LoadState,ActiveState,UnitFileState,NRestarts,StatusText")
    fields = dict(line.partition("=")[::2] for line in shown.splitlines())
    if not fields:
        yield Finding("service", "ok", "systemd does not run here")
    elif fields.get("LoadState") != "loaded":
        yield Finding("service", "warning", "not installed", "`sudo make install`, if wanted")
    elif fields.get("ActiveState") != "active":
        yield Finding(
            "service",
            "failed",
            f"{fields.get('ActiveState')}: {fields.get('StatusText') or 'see the journal'}",
            f"`journalctl -u {_UNIT} -n 50`",
        )
    else:
        restarts = int(fields.get("NRestarts") or 0)
        words = f"{fields.get('StatusText') or 'active'}; started again {restarts} times"
        if fields.get("UnitFileState") != "enabled":
            yield Finding(
                "service", "warning", f"{words}; not at boot", f"`systemctl enable {_UNIT}`"
            )
        elif restarts or str(fields.get("StatusText")).startswith("degraded"):
            yield Finding("service", "warning", words, f"`journalctl -u {_UNIT} -n 50`")
        else:
            yield Finding("service", "ok", words)


def look_at_clock() -> Iterator[Finding]:
    """Is the time right? Events carry it."""
    now = datetime.now().astimezone()
    words = now.isoformat(timespec="seconds")
    synchronised = _command("timedatectl", "show", "-p", "NTPSynchronized", "--value")
    if now.year < _BUILT:
        yield Finding("clock", "failed", words, "set the time, or let it be fetched (NTP)")
    elif synchronised == "no":
        yield Finding(
            "clock", "warning", f"{words}, not synchronised", "`timedatectl set-ntp true`"
        )
    else:
        known = "synchronised" if synchronised == "yes" else "nobody tells whether synchronised"
        yield Finding("clock", "ok", f"{words}, {known}")


def look_at_disk() -> Iterator[Finding]:
    """Room for history and undelivered events."""
    try:
        folder = state_folder()
    except AgentError as error:
        yield Finding("disk", "failed", str(error), "give the folder to this user")
        return
    free = readings.free_disk(folder)
    if free is None:
        yield Finding("disk", "warning", f"{folder}: cannot be told", "see `df`")
    elif free < LITTLE_DISK:
        yield Finding("disk", "failed", _megabytes(folder, free), "make room; see `history.max_mb`")
    elif free < 10 * LITTLE_DISK:
        yield Finding("disk", "warning", _megabytes(folder, free), "make room")
    else:
        yield Finding("disk", "ok", _megabytes(folder, free))


def look_at_memory() -> Iterator[Finding]:
    """Room for the agent itself."""
    found = readings.memory()
    if found is None:
        return
    words = f"{found.available / 1e6:.0f} of {found.total / 1e6:.0f} MB available"
    if found.share < LITTLE_MEMORY[0]:
        yield Finding("memory", "warning", words, "close what is not needed, a desktop above all")
    else:
        yield Finding("memory", "ok", words)


def look_at_temperature(root: Path = Path("/")) -> Iterator[Finding]:
    """How warm the board is, and whether that or its supply slows it down."""
    name = readings.board_name(root)
    if name is not None:
        yield Finding("board", "ok", name)
    found = readings.temperature(root)
    if found is None:
        yield Finding("temperature", "ok", "no sensor")
    else:
        limit = found.limit or USUAL_LIMIT
        words = f"{found.degrees:.0f} °C ({found.zone}), limit {limit:.0f} °C"
        near = found.degrees > limit - _NEAR
        yield Finding(
            "temperature", "warning" if near else "ok", words, "cool the board" if near else None
        )
    reasons = readings.throttled(root)
    if reasons:
        advice = "cool the board, and give it a stronger supply"
        yield Finding("throttling", "warning", ", ".join(reasons), advice)
    elif found is not None:
        yield Finding("throttling", "ok", "none")


def _megabytes(folder: Path, free: int) -> str:
    return f"{folder}: {free / 1e6:.0f} MB free"


def _systemctl(*arguments: str) -> str:
    return _command("systemctl", *arguments, _UNIT) if Path("/run/systemd/system").exists() else ""


def _command(*words: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
