"""Opens a history to read it, also while an agent writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from agent.errors import AgentError


class NoHistoryError(AgentError):
    """Nothing was ever written."""


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The history, open for reading.

    Raises `NoHistoryError` where there is none yet, and `AgentError` where it cannot be read.
    """
    require(path)
    try:
        # Read-only by address: a plain path would be opened for writing, or made.
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)
        ) as database:
            # An agent that has just made the file may not have come further yet.
            if not database.execute("select 1 from sqlite_master where name = 'events'").fetchone():
                raise _none_yet(path)
            yield database
    except sqlite3.Error as error:
        raise AgentError(f"cannot read the history {path}: {error}") from None


def require(path: Path) -> None:
    """Raises `NoHistoryError` where there is no file."""
    if not path.exists():
        raise _none_yet(path)


def _none_yet(path: Path) -> NoHistoryError:
    return NoHistoryError(f"no history yet: {path} is written when the first event comes")
