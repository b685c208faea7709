"""Ends what the tests started and left, even where a process that ran them was killed itself."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>


def adopt() -> None:
    """Make orphans below this process its own children, as systemd does with a user's."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end() -> list[str]:
    """Kill all children, and theirs; returns the commands of those that still ran."""
    ended = []
    while children := _children():
        for child in children:
            command = Path(f"/proc/{child}/cmdline").read_bytes()  # empty: only to be buried
            if command:
                ended.append(command.replace(b"\0", b" ").decode(errors="replace").strip())
            os.kill(child, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(child, 0)
    return ended


def _children() -> list[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]
