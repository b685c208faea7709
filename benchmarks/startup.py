"""From exec to the first event, and what the agent then takes.  usage: startup.py [--starts N]

Starts the agent over the demo's film of a face, as often as asked for, and prints the seconds until
the first line of an event; then resident memory and processor time at 15 frames a second, of a
camera (the demo's pictures by HTTP, from another process) and of the demo, which the agent draws
itself, each over whole rounds of the demo, as its scenes cost more and less; then the modules that
took longest to import.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from agent.downloads import require
from agent.sources.demo import RATE
from benchmarks.soak.camera import store_footage
from benchmarks.soak.process import held, processor_seconds

LONGEST_START: Final = 120.0
WARM_UP: Final = 5.0
"""Seconds after it is ready in which an agent at work is not measured."""
AGENT: Final = [sys.executable, "-m", "agent.cli", "run", "--set", "web.port=0"]


def first_event(folder: Path) -> float:
    """Seconds from exec to the first event on standard output."""
    film = str(require("single_face.mp4"))
    began = time.monotonic()
    with subprocess.Popen(
        [*AGENT, "--source", film, "--events", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"STATE_DIRECTORY": str(folder)},
    ) as agent:
        assert agent.stdout is not None
        line = agent.stdout.readline()
        took = time.monotonic() - began
        agent.kill()
    if not line:
        sys.exit("the agent ended before any event; try `emotion-agent run`")
    return took


@contextmanager
def camera(folder: Path) -> Iterator[tuple[str, float]]:
    """The address of a camera that shows the demo's pictures, and the seconds that they last."""
    store_footage(folder)
    seconds = len(list(folder.iterdir())) / RATE
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.soak.camera", "0", str(folder), str(RATE)],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().split()[1]}/cam.mjpg", seconds
        finally:
            server.kill()


class Agent:
    """An agent that reads a source, and what it tells as it would tell systemd."""

    def __init__(self, source: str, folder: Path, stack: ExitStack, *options: str) -> None:
        """Start it with its state in `folder`; `stack` ends it."""
        folder.mkdir(exist_ok=True)
        address = folder / "notify"
        self._told = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._told.bind(str(address))
        stack.callback(address.unlink)
        process = stack.enter_context(
            subprocess.Popen(
                [*AGENT, "--source", source, *options],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"STATE_DIRECTORY": str(folder), "NOTIFY_SOCKET": str(address)},
            )
        )
        stack.callback(process.kill)
        self.pid = process.pid

    def wait_until_ready(self) -> None:
        """Return when it works on its source; `TimeoutError` where it never does."""
        self._told.settimeout(LONGEST_START)
        while "READY=1" not in self._told.recv(4096).decode():
            pass

    def last_status(self) -> str:
        """The newest of its lines about itself."""
        self._told.setblocking(False)
        line = ""
        with suppress(BlockingIOError):
            while True:
                _, found, words = self._told.recv(4096).decode().partition("STATUS=")
                line = words if found else line
        return line


def at_work(source: str, folder: Path, seconds: float) -> tuple[float, float, int, str]:
    """Resident MB, share of a core and threads over a source of 15 frames a second, counted from
    well after the agent was ready; and what it then said of itself, as systemd would show it.
    """
    with ExitStack() as stack:
        agent = Agent(source, folder, stack)
        agent.wait_until_ready()
        time.sleep(WARM_UP)
        used, began = processor_seconds(agent.pid), time.monotonic()
        time.sleep(seconds)
        share = (processor_seconds(agent.pid) - used) / (time.monotonic() - began)
        now = held(agent.pid, folder)
        return now.memory, share, now.threads, agent.last_status()


def imports(most: int) -> list[tuple[float, str]]:
    """Milliseconds of the slowest imports of a run, each with all that it imports."""
    program = "import agent.cli, agent.service, agent.feedback.opening"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = []
    for line in done.stderr.splitlines():
        _, _, rest = line.partition("import time:")
        parts = [part.strip() for part in rest.split("|")]
        if len(parts) == 3 and parts[1].isdigit():
            rows.append((int(parts[1]) / 1000, parts[2]))
    return sorted(rows, reverse=True)[:most]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2, help="of the demo, of each source")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        took = [first_event(folder) for _ in range(given.starts)]
        print(
            f"exec to first event: {statistics.median(took):.2f} s "
            f"(least {min(took):.2f}, most {max(took):.2f}; {given.starts} starts)"
        )
        with camera(folder / "pictures") as (address, seconds):
            for where, source in (("from a camera", address), ("of the demo", "demo")):
                spent = given.rounds * seconds
                memory, share, threads, status = at_work(source, folder, spent)
                print(
                    f"at {RATE} frames a second {where}: {memory:.0f} MB, {share:.1%} of a core, "
                    f"{threads} threads ({status})"
                )
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for milliseconds, module in imports(15):
        print(f"  {milliseconds:8.1f} ms  {module}")


if __name__ == "__main__":
    main()
