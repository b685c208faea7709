"""What a process of Linux holds and uses, by /proc."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

MB = 1e6


class Held(NamedTuple):
    """What a process holds at one moment."""

    memory: float
    """Resident, in MB (10^6 bytes)."""
    threads: int
    handles: int
    """Open files, sockets and pipes."""
    files: int
    """Files in its state folder."""


def held(pid: int, state: Path) -> Held:
    """What the process holds now. Raises `OSError` when there is no such process."""
    proc = Path(f"/proc/{pid}")
    pages = int((proc / "statm").read_text().split()[1])
    return Held(
        memory=pages * os.sysconf("SC_PAGESIZE") / MB,
        threads=len(list((proc / "task").iterdir())),
        handles=len(list((proc / "fd").iterdir())),
        files=sum(path.is_file() for path in state.rglob("*")),
    )


def children(pid: int) -> list[int]:
    """The processes that any of its threads has started."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (thread / "children").read_text().split())
    return found


def processor_seconds(pid: int) -> float:
    """Seconds of a core that it has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
