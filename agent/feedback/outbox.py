"""A durable queue on disk: what has to be delivered outlives the network and the process.

SQLite with a write-ahead log and `synchronous=NORMAL`: a commit costs a tenth of a millisecond and
survives the death of the process; a power cut may lose the last commits, but never the file.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar

from agent.clock_jumps import ClockJumps
from agent.errors import AgentError
from agent.feedback.damaged import is_damage, move_aside

logger = logging.getLogger(__name__)

_SCHEMA = """
create table if not exists outbox (
    id integer primary key autoincrement,
    created real not null,
    topic text not null,
    payload blob not null
)
"""

_Result = TypeVar("_Result")

_DELETE: Final = "delete from outbox where id = ?"


@dataclass(frozen=True)
class Letter:
    """One message that waits for its delivery."""

    id: int
    """Ascending in the order of `put`; never used twice."""
    topic: str
    payload: bytes


class Outbox:
    """Messages in the order in which they were put, until they are removed.

    Bounded: beyond `limit` messages the oldest are dropped and counted; those older than `ttl`
    seconds expire and are counted. Every method may be called from any thread; all but `len` raise
    `sqlite3.Error` where the disk fails. The file belongs to one process at a time.
    """

    def __init__(
        self,
        path: Path,
        limit: int,
        ttl: float,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises `AgentError` if another process has the file.

        One that is damaged, now or later, is moved aside. Where the disk takes none, the messages
        wait in memory.
        """
        self._lock = Lock()
        self._path = path
        self._limit = limit
        self._ttl = ttl
        self._clock = clock
        self._jumps = ClockJumps(clock, steady)
        self._set_by = 0.0
        self._first: int | None = None
        """Id of the first message that was put since the start."""
        self.dropped = 0
        """Messages that had to make room, or were in a file that got damaged, since the start."""
        self.expired = 0
        """Messages that got too old, since the start."""
        self.rejected = 0
        """Messages that the other side will never take, since the start."""
        self.delivered = 0
        """Messages that the other side has taken, since the start."""
        self.delivered_at = 0.0
        """`time.monotonic()` when the last of them was removed."""
        self._gone: set[int] = set()
        """Ids that the disk did not let us delete: they must not be sent again."""
        self._database, self._waiting = _open(path)
        self._last: int = self._database.execute(
            "select coalesce(max(id), 0) from outbox"
        ).fetchone()[0]

    def __len__(self) -> int:
        return self._waiting

    def put(self, topic: str, payload: bytes) -> None:
        """Store a message; it is on disk when this returns."""
        with self._lock:
            self._in_sound_file(lambda: self._put(topic, payload))

    def after(self, last: int, count: int) -> list[Letter]:
        """The next messages behind the one with the id `last` (0: from the oldest)."""
        with self._lock:
            return self._in_sound_file(lambda: self._after(last, count))

    def remove(self, ids: Iterable[int]) -> None:
        """Forget delivered messages; ids that are no longer there do not matter."""
        with self._lock:
            gone = self._delete(ids)
        if gone:
            self.delivered_at = time.monotonic()
            self.delivered += gone

    def reject(self, number: int) -> None:
        """Forget a message that the other side will never take, and count it."""
        with self._lock:
            self._delete([number])
        self.rejected += 1

    def close(self) -> None:
        """Give the file back; what waits stays in it."""
        with self._lock:
            self._database.close()

    def _put(self, topic: str, payload: bytes) -> None:
        over = max(0, self._waiting + 1 - self._limit)
        self._keep_ages()
        with self._database as database:
            self._delete_gone()
            database.execute(
                "delete from outbox where id in (select id from outbox order by id limit ?)",
                (over,),
            )
            number = database.execute(
                "insert into outbox (created, topic, payload) values (?, ?, ?)",
                (self._clock(), topic, payload),
            ).lastrowid
        self._gone.clear()
        self._last = number or self._last
        self._first = self._first or number
        self._waiting += 1 - over
        self.dropped += over

    def _after(self, last: int, count: int) -> list[Letter]:
        self._expire()
        rows = self._database.execute(
            "select id, topic, payload from outbox where id > ? order by id limit ?",
            (last, count + len(self._gone)),
        )
        letters = (Letter(*row) for row in rows.fetchall() if row[0] not in self._gone)
        return list(islice(letters, count))

    def _in_sound_file(self, work: Callable[[], _Result]) -> _Result:
        """Do it; where the file turns out to be damaged, in a new one."""
        try:
            return work()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._begin_anew(error)
            return work()

    def _begin_anew(self, error: sqlite3.Error) -> None:
        """Go on in a new file, in which the ids go on too."""
        self._database.close()
        try:
            aside = move_aside(self._path)
            place = f"moved to {aside.name}, a new one is begun"
            logger.warning("%s: %s; %s", self._path, error, place)
            self.dropped += self._waiting
            self._database, self._waiting = _open(self._path)
        except AgentError as problem:
            logger.warning("%s; events wait in memory, and are lost at the end", problem)
            self._database, self._waiting = _open_file(":memory:")
        with self._database as database:
            database.execute("insert into sqlite_sequence values ('outbox', ?)", (self._last,))
        self._first = None
        self._gone.clear()

    def _delete(self, ids: Iterable[int]) -> int:
        """Delete messages; returns how many were still there.

        Where the disk fails they stay in the file until a later call succeeds.
        """
        left = [number for number in ids if number not in self._gone]
        try:
            gone = self._in_sound_file(lambda: self._deleted(left))
            self._gone.clear()
        except sqlite3.ProgrammingError:  # it is closed
            raise
        except sqlite3.Error as error:
            if not self._gone:
                logger.warning(
                    "%s: %s; what was sent stays in it, and may be sent again after a new start",
                    self._path,
                    error,
                )
            self._gone.update(left)
            gone = len(left)
        self._waiting -= gone
        return gone

    def _deleted(self, ids: list[int]) -> int:
        with self._database as database:
            self._delete_gone()
            return sum(database.execute(_DELETE, (number,)).rowcount for number in ids)

    def _delete_gone(self) -> None:
        self._database.executemany(_DELETE, [(number,) for number in self._gone])

    def _keep_ages(self) -> None:
        """What was put before the clock was set is as old afterwards as it was."""
        self._set_by += self._jumps.newest()
        if not self._set_by:
            return
        with suppress(sqlite3.OperationalError), self._database as database:  # or the next time
            if self._first is not None:
                database.execute(
                    "update outbox set created = created + ? where id >= ?",
                    (self._set_by, self._first),
                )
            self._set_by = 0.0

    def _expire(self) -> None:
        self._keep_ages()
        eldest = self._database.execute("select created from outbox order by id limit 1").fetchone()
        limit = self._clock() - self._ttl
        if eldest is None or eldest[0] >= limit:
            return
        old = self._database.execute("select id from outbox where created < ?", (limit,)).fetchall()
        self.expired += self._delete(number for (number,) in old)


def _open(path: Path) -> tuple[sqlite3.Connection, int]:
    """The open outbox, and how many messages wait in it."""
    try:
        return _open_file(path)
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise AgentError(
                f"{path} belongs to another running agent; give each its own `device`"
            ) from None
        try:
            if is_damage(error):
                aside = move_aside(path)
                logger.warning("%s: %s; moved to %s, a new one is begun", path, error, aside.name)
                return _open_file(path)
        except (sqlite3.Error, AgentError):
            pass  # that one is in no better state
        logger.warning("%s: %s; events wait in memory, and are lost at the end", path, error)
        return _open_file(":memory:")


def _open_file(path: Path | str) -> tuple[sqlite3.Connection, int]:
    database = sqlite3.connect(path, timeout=1.0, check_same_thread=False)
    try:
        # Exclusive: two agents on one file would send each other's messages.
        database.execute("pragma locking_mode=exclusive")
        database.execute("pragma journal_mode=wal")
        database.execute("pragma synchronous=normal")
        with database:
            database.execute(_SCHEMA)
        # This reads all of it: what is damaged is found now and not when it is to be sent.
        return database, database.execute("select count(*) from outbox").fetchone()[0]
    except sqlite3.Error:
        database.close()
        raise
