"""Several cameras, an agent for each.  usage: instances.py [--counts 1,2,4,8] [--seconds N]

As `emotion-agent@NAME.service` runs them: every agent has its own state and its own stream of an
HTTP camera with the demo's pictures, 15 a second. Prints what all of them take together: processor
time, memory (each page that they share counted once), and the frames that were read in time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

from agent.sources.demo import RATE
from benchmarks.soak.process import MB, processor_seconds
from benchmarks.startup import WARM_UP, Agent, camera


class Taken(NamedTuple):
    """By all agents together."""

    cores: float
    memory: float
    """Proportional set size, in MB (10^6 bytes)."""
    frames: float
    """Read each second."""


def memory(pid: int) -> float:
    """Proportional set size in MB: of a page that n processes share, each has an n-th."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024 / MB


def frames_read(port: int) -> int:
    """Frames that the agent has read since its start."""
    with urlopen(f"http://127.0.0.1:{port}/api/v1/state", timeout=30) as answer:
        return int(json.load(answer)["frames"])


def taken(count: int, source: str, folder: Path, seconds: float, port: int) -> Taken:
    """What `count` agents take at once."""
    ports = range(port, port + count)
    with ExitStack() as stack:
        agents = [
            Agent(source, folder / str(number), stack, "--set", f"web.port={port}")
            for number, port in enumerate(ports)
        ]
        for agent in agents:
            agent.wait_until_ready()
        time.sleep(WARM_UP)
        pids = [agent.pid for agent in agents]
        began, used = time.monotonic(), sum(map(processor_seconds, pids))
        frames = sum(map(frames_read, ports))
        time.sleep(seconds)
        passed = time.monotonic() - began
        return Taken(
            (sum(map(processor_seconds, pids)) - used) / passed,
            sum(map(memory, pids)),
            (sum(map(frames_read, ports)) - frames) / passed,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--counts", default="1,2,4,8")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--port", type=int, default=18500, help="the first of the agents' ports")
    given = parser.parse_args()
    print("| cameras | cores | cores each | MB | MB each | frames/s each (15 are sent) |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as name, camera(Path(name) / "pictures") as (address, _):
        for count in map(int, given.counts.split(",")):
            cores, size, frames = taken(count, address, Path(name), given.seconds, given.port)
            print(
                f"| {count} | {cores:.2f} | {cores / count:.3f} | {size:.0f} | "
                f"{size / count:.0f} | {frames / count:.1f} |",
                flush=True,
            )
    load, available = os.getloadavg()[0], os.cpu_count()
    print(f"\n{RATE} frames a second of 640x480; load {load:.1f} on {available} cores")


if __name__ == "__main__":
    main()
