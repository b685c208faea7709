"""A local history of events: SQLite with retention by age and size. No pictures.

A write-ahead log and `synchronous=NORMAL`: each event outlives the death of the process, and others
read the file while the agent writes it.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from agent.clock_jumps import BelievedDate, ClockJumps
from agent.errors import AgentError
from agent.feedback.damaged import is_damage, move_aside
from agent.feedback.queued import QueuedSink
from agent.feedback.shares import HourTable
from agent.places import device_folder
from agent.settings import HistorySettings
from agent.types import EmotionEvent

logger = logging.getLogger(__name__)

_SCHEMA = """
create table if not exists events (
    number integer primary key,
    time text not null,
    type text not null,
    track integer not null,
    emotion text not null,
    confidence real not null,
    reason text,
    event text not null
);
create index if not exists events_by_time on events (time);
create index if not exists events_by_emotion on events (emotion, time);
"""
_STEP: Final = 500  # rows that one step of pruning deletes: some milliseconds
_EVERY: Final = 50  # events between two looks at age and size
_LOG_BYTES: Final = 4 << 20  # what may stay in the write-ahead log after a checkpoint
_CACHE_KIB: Final = 256  # of the file in memory


def history_file(device: str) -> Path:
    """Where the history of a device is. Raises `AgentError` if its folder cannot be made."""
    return device_folder(device) / "history.db"


def as_text(time: datetime) -> str:
    """UTC to the millisecond, as the column `time` has it: sorts as the times do."""
    utc = time.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    return utc.replace("+00:00", "Z")


class HistoryFile:
    """The file of events, open for writing. Every method raises `sqlite3.Error`."""

    def __init__(self, path: Path, jumps: ClockJumps | None = None) -> None:
        """`jumps` tells when the clock of the events was set; None: this machine's."""
        self._path = path
        self._database = sqlite3.connect(path, timeout=5.0)
        try:
            # Before the first table: it lets the file shrink in steps.
            self._database.execute("pragma auto_vacuum=incremental")
            self._database.execute("pragma journal_mode=wal")
            self._database.execute("pragma synchronous=normal")
            # SQLite keeps 2 MB of the file's pages unless told: memory that grows with the history.
            self._database.execute(f"pragma cache_size=-{_CACHE_KIB}")
            self._database.execute(f"pragma journal_size_limit={_LOG_BYTES}")
            self._database.executescript(_SCHEMA)
            self._hours = HourTable(self._database, jumps)
        except sqlite3.Error:
            self._database.close()
            raise

    @property
    def is_there(self) -> bool:
        """Whether the file still has its name: a person may delete it at any time.

        Raises `OSError` where the disk does not say.
        """
        return self._path.exists()

    @property
    def bytes(self) -> int:
        """Size of what is stored, without free pages and without the write-ahead log."""
        pages, free, size = (
            self._database.execute(f"pragma {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    @property
    def last(self) -> datetime | None:
        """The time of the event that was stored last, which need not be the latest."""
        found = self._database.execute("select time from events order by number desc limit 1")
        row = found.fetchone()
        return datetime.fromisoformat(row[0].replace("Z", "+00:00")) if row else None

    def add(self, event: EmotionEvent) -> None:
        """Store an event; it outlives the process when this returns."""
        row = (
            as_text(event.time),
            event.type,
            event.track,
            event.emotion,
            round(event.confidence, 4),
            event.reason,
            json.dumps(event.as_dict()),
        )
        with self._database as database:
            database.execute(
                "insert into events (time, type, track, emotion, confidence, reason, event) "
                "values (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            self._hours.take(event.track, event.type, event.emotion, event.time)

    def prune(self, before: datetime, max_bytes: int) -> bool:
        """Delete some of the oldest events if they are too old or too many; False if none are."""
        limit = "9999" if self.bytes > max_bytes else as_text(before)
        with self._database as database:
            gone = database.execute(
                "delete from events where number in "
                "(select number from events where time < ? order by time, number limit ?)",
                (limit, _STEP),
            ).rowcount
            self._hours.prune(before)
        if gone:
            # As a script, which runs to its end: `execute` would free a single page.
            self._database.executescript("pragma incremental_vacuum")
        return gone > 0

    def close(self) -> None:
        """Give the file back."""
        self._database.close()


class HistorySink(QueuedSink):
    """Keeps every event in the device's history.

    What goes wrong (a full disk, a folder that cannot be written) is told once, and each further
    event tries again. A damaged file is moved aside and a new one begun.
    """

    name = "history"

    def __init__(
        self,
        settings: HistorySettings,
        device: str,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        health: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`health` is told `ok`, or what ails the file."""
        self.lost = 0
        """Events that could not be written, until writing goes well again."""
        self._in_a_row = 0
        self._days = timedelta(days=settings.days)
        self._max_bytes = round(settings.max_mb * 1e6)
        self._device = device
        self._clock = clock
        self._date: BelievedDate | None = None
        self._health = health
        self._file: HistoryFile | None = None
        self._until_pruning = 0
        super().__init__()

    @property
    def health(self) -> str:
        return f"not written, {self.lost} events lost" if self.lost else super().health

    def deliver(self, event: EmotionEvent) -> None:
        try:
            self._write(event)
        except (sqlite3.Error, AgentError, OSError) as error:
            if self.lost == 0:
                logger.warning("the history is not written: %s; trying again", error)
                self._health(f"not written: {error}")
            self.lost += 1
            self._in_a_row = 0
            self.release()
            return
        self._in_a_row += 1
        # On a disk that is almost full some can be written: that is no end of the trouble.
        if self.lost and self._in_a_row >= _EVERY:
            logger.info("the history is written again; %d events are not in it", self.lost)
            self._health("ok")
            self.lost = 0

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, event: EmotionEvent) -> None:
        path = history_file(self._device)
        try:
            self._add(path, event)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self.release()
            aside = move_aside(path)
            logger.warning("%s: %s; moved to %s, a new one is begun", path, error, aside.name)
            self._add(path, event)

    def _add(self, path: Path, event: EmotionEvent) -> None:
        if self._file is not None and not self._file.is_there:
            self.release()
        if self._file is None:
            self._file = HistoryFile(path)
        self._date = self._date or BelievedDate(self._file.last)
        self._file.add(event)
        today = self._date.at(self._clock())
        self._until_pruning -= 1
        if self._until_pruning > 0:
            return
        while self._file.prune(today - self._days, self._max_bytes):
            if self._queue or self._closing:
                return  # the rest of it with the next event
        self._until_pruning = _EVERY
