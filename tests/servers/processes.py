"""Looks at the processes of a server, by its process group."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from handlers.mms.process import members


class Process(NamedTuple):
    """One process of a group."""

    pid: int
    parent: int
    command: str
    resident: int
    """Bytes of memory."""


def group(number: int) -> list[Process]:
    """The processes of a group that run."""
    found = []
    for pid in members(number):
        folder = Path("/proc", str(pid))
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            pages = int((folder / "statm").read_text().split()[1])
        except OSError:  # it has just ended
            continue
        found.append(Process(pid, parent, command, pages * 4096))
    return found


def workers(number: int) -> list[Process]:
    """The Python workers of a model server: those that have no children among themselves."""
    candidates = [one for one in group(number) if "model_service_worker" in one.command]
    parents = {one.parent for one in candidates}
    return [one for one in candidates if one.pid not in parents]
