"""What became of the events: decided, written, received by the broker, kept in the history."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.soak.stand import EVENTS, Stand


@dataclass(frozen=True)
class Events:
    """Counts after the agent's end."""

    decided: int
    """By the agent's own count, which it says at its end."""
    written: int
    """In the file of events, each id once."""
    received: int
    """Written ones that the broker passed on, or that wait on disk for the next start."""
    waiting: int
    """Those of them that wait on disk."""
    repeated: int
    """Received more than once, as QoS 1 allows."""
    stored: int
    """Written ones in the history."""
    shown: int
    """By the page's stream, which misses what happens while the page is opened anew."""

    @property
    def lost(self) -> int:
        """How many are missing anywhere."""
        least = min(self.written, self.received, self.stored)
        return max(self.decided, self.written) - least


def count_events(stand: Stand) -> Events:
    """Count, after the agent has been stopped."""
    written = set(_written(stand.folder / "events.jsonl"))
    waiting = set(_ids(stand.state, "mqtt-outbox.sqlite", "select payload from outbox")) & written
    # A broker just started may pass on for a while what it kept.
    until = time.monotonic() + 30
    while not written <= waiting | {*_received(stand)} and time.monotonic() < until:
        time.sleep(0.5)
    received = list(_received(stand))
    stored = set(_ids(stand.state, "history.db", "select event from events"))
    said = re.findall(r"(\d+) events$", stand.log, re.MULTILINE)
    return Events(
        decided=int(said[-1]) if said else -1,
        written=len(written),
        received=len(written & (waiting | set(received))),
        waiting=len(waiting),
        repeated=len(received) - len(set(received)),
        stored=len(written & stored),
        shown=stand.reader.events,
    )


def _written(path: Path) -> Iterator[str]:
    for line in path.read_text().splitlines():
        yield json.loads(line)["id"]


def _received(stand: Stand) -> Iterator[str]:
    for seen in stand.watcher.on(EVENTS):
        yield seen.json["id"]


def _ids(folder: Path, name: str, query: str) -> Iterator[str]:
    for path in folder.rglob(name):
        with closing(sqlite3.connect(path)) as database:
            for (event,) in database.execute(query):
                yield json.loads(event)["id"]
