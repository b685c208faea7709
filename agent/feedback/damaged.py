"""What becomes of a database file that is damaged, as a power cut on a cheap card may leave it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from agent.errors import AgentError


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that the file itself is damaged.

    The subclasses of `DatabaseError` are other troubles: a full disk, a lock.
    """
    return type(error) is sqlite3.DatabaseError


def move_aside(path: Path) -> Path:
    """Rename a damaged file, in place of one damaged before, and its log with it.

    Raises `AgentError` if that fails.
    """
    aside = path.with_name(f"{path.name}.damaged")
    try:
        for ending in ("", "-wal"):
            source, target = Path(f"{path}{ending}"), Path(f"{aside}{ending}")
            target.unlink(missing_ok=True)
            if source.exists():
                source.rename(target)
        Path(f"{path}-shm").unlink(missing_ok=True)
    except OSError as error:
        raise AgentError(f"cannot move {path} aside: {error.strerror or error}") from None
    return aside
