"""What the page costs.  usage: web.py [clients | history] [--seconds N] [--rounds N] [--events N]

`clients` runs the agent over the demo and compares its frame rate and its processor time without
anybody, with one page open that shows no picture, and with 50 streams and 5 pictures at once. The
three take turns, so that what else the machine does falls on all alike; the clients run at the
lowest priority. The first table is at the pace of a camera, the second as fast as the agent can.
`history` fills a history with a million events and times the questions of the page.
"""

from __future__ import annotations

import argparse
import os
import re
import selectors
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.request import urlopen

from agent.emotion.labels import EMOTIONS
from agent.feedback.history import HistoryFile, as_text
from agent.feedback.shares import read_shares
from agent.feedback.timeline import read_timeline

STREAMS, PICTURES = 50, 5
STREAM, PICTURE = "/api/v1/events/stream", "/api/v1/preview.mjpg"


@dataclass
class Agent:
    """A running agent and what its counters say."""

    process: subprocess.Popen[bytes]
    port: int

    def counter(self, name: str) -> float:
        with urlopen(f"http://127.0.0.1:{self.port}/metrics") as reply:
            found = re.search(rf"^emotion_agent_{name} (\S+)$", reply.read().decode(), re.MULTILINE)
        return float(found[1]) if found else float("nan")

    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """Rounds of one case."""

    frames: float = 0
    worked: float = 0
    """Processor seconds."""
    seconds: float = 0


@contextmanager
def running(*more: str) -> Iterator[Agent]:
    """An agent over the demo, on a port of its own."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        command = [sys.executable, "-m", "agent.cli", "run", *more]
        command += ["--set", "web.port=0", "--set", "web.enabled=true"]
        with log.open("wb") as stream:
            environment = os.environ | {"STATE_DIRECTORY": folder}
            process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
        try:
            while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text())):
                if process.poll() is not None:
                    sys.exit(log.read_text())
                time.sleep(0.1)
            agent = Agent(process, int(found[1]))
            while agent.counter("frames_total") < 30:
                time.sleep(0.2)
            yield agent
        finally:
            process.terminate()
            process.wait()


def drink(port: int, streams: int, pictures: int) -> None:
    """So many clients that take what they are sent, until this process is ended."""
    ready = selectors.DefaultSelector()
    for path in [STREAM] * streams + [PICTURE] * pictures:
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        ready.register(client, selectors.EVENT_READ)
    print("READY", flush=True)
    while True:
        for key, _ in ready.select():
            assert isinstance(key.fileobj, socket.socket)
            if not key.fileobj.recv(1 << 18):
                sys.exit("a client was cut off")


@contextmanager
def clients(port: int, streams: int, pictures: int) -> Iterator[None]:
    """Clients in a process that only gets what the agent leaves, as if on another machine."""
    numbers = [str(port), str(streams), str(pictures)]
    command = ["nice", "-n", "19", sys.executable, __file__, "drink", *numbers]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"READY\n"
        yield
        assert process.poll() is None, "clients were cut off"
        process.kill()


def compare(title: str, seconds: float, rounds: int, *more: str) -> None:
    cases = {"nobody": (0, 0), "one page, no picture": (1, 0)}
    cases[f"{STREAMS} streams, {PICTURES} pictures"] = (STREAMS, PICTURES)
    measured = {name: Measured() for name in cases}
    with running(*more) as agent:
        for _ in range(rounds):
            for name, (streams, pictures) in cases.items():
                with clients(agent.port, streams, pictures):
                    time.sleep(1)
                    began, frames = time.monotonic(), agent.counter("frames_total")
                    used = agent.processor_seconds()
                    time.sleep(seconds)
                    took = time.monotonic() - began
                    measured[name].worked += agent.processor_seconds() - used
                    measured[name].frames += agent.counter("frames_total") - frames
                    measured[name].seconds += took
        encoded = agent.counter("preview_pictures_total")
    print(f"\n{title} ({rounds} rounds of {seconds:g} s)")
    nobody = measured["nobody"]
    for name, case in measured.items():
        rate, load = case.frames / case.seconds, case.worked / case.seconds
        print(
            f"  {name:24} {rate:6.1f} fps ({rate * nobody.seconds / nobody.frames:6.1%})   "
            f"{load:5.1%} of a core ({load - nobody.worked / nobody.seconds:+.1%})   "
            f"{1000 * case.worked / case.frames:5.1f} ms of a core a frame"
        )
    print(f"  pictures encoded: {encoded:.0f}")


def fill(path: Path, events: int) -> None:
    """Events over 30 days, as an agent of before would have left them: without hours."""
    HistoryFile(path).close()
    began = datetime.now(timezone.utc) - timedelta(days=30)
    step = timedelta(days=30) / events
    rows = (
        (
            as_text(began + number * step), ("started", "changed", "changed", "ended")[number % 4],
            number // 4 + 1, EMOTIONS[number * 7 % 8], 0.9, None, "{}",
        )
        for number in range(events)
    )  # fmt: skip
    with sqlite3.connect(path) as database:
        database.executemany(
            "insert into events (time, type, track, emotion, confidence, reason, event) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        database.execute("drop table hours")
        database.execute("pragma user_version=0")
    database.close()


def timed(what: str, question: Callable[[], object]) -> None:
    took = []
    for _ in range(5):
        began = time.perf_counter()
        question()
        took.append(1000 * (time.perf_counter() - began))
    print(f"  {what:32} {statistics.median(took):8.1f} ms (at most {max(took):.1f})")


def history(events: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "history.db")
        fill(path, events)
        began = time.perf_counter()
        HistoryFile(path).close()
        print(f"{events} events; hours put together once, in {time.perf_counter() - began:.1f} s")
        now = datetime.now(timezone.utc)
        day, month = now - timedelta(days=1), now - timedelta(days=31)
        timed("a day by hour", lambda: read_shares(path, "hour", day, now))
        timed("30 days by hour", lambda: read_shares(path, "hour", month, now))
        timed("30 days by day", lambda: read_shares(path, "day", month, now))
        hour = now - timedelta(hours=1)
        timed("timeline of an hour", lambda: read_timeline(path, hour, now))
        timed("timeline of 30 days (the newest)", lambda: read_timeline(path, month, now))


def main() -> None:
    if sys.argv[1:2] == ["drink"]:
        drink(*map(int, sys.argv[2:]))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("clients", "history"), nargs="?", default="clients")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--events", type=int, default=1_000_000)
    given = parser.parse_args()
    if given.what == "history":
        history(given.events)
        return
    compare("At the pace of a camera", given.seconds, given.rounds)
    compare("As fast as it can", given.seconds, given.rounds, "--pace", "none")


if __name__ == "__main__":
    main()
