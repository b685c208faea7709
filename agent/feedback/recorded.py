"""Reads the history of events, also while an agent writes it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from agent.errors import AgentError
from agent.feedback.history import as_text
from agent.feedback.open_history import reading, require
from agent.types import Box, EmotionEvent

_PAGE: Final = 500  # rows a query; between two of them no lock is held, however slow the reader


@dataclass(frozen=True)
class Selection:
    """Which events; None is all."""

    since: datetime | None = None
    until: datetime | None = None
    """Not itself included."""
    emotion: str | None = None
    type: str | None = None
    track: int | None = None
    limit: int | None = None
    """Only the newest so many of them."""


def read_events(path: Path, selection: Selection) -> Iterator[EmotionEvent]:
    """The selected events, the oldest first.

    Raises `AgentError` at once where there is no history, and on the way where it is damaged.
    """
    require(path)
    return _events(path, selection)


def _events(path: Path, selection: Selection) -> Iterator[EmotionEvent]:
    with reading(path) as database:
        for text in _rows(database, selection):
            try:
                event = _event(json.loads(text))
            except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
                raise AgentError(
                    f"cannot read the history {path}: it holds no event but {text!r:.50}; "
                    "move the file away"
                ) from None
            yield event


def _rows(database: sqlite3.Connection, selection: Selection) -> Iterator[str]:
    where, values = _conditions(selection)
    time, number = "", 0
    if selection.limit is not None:
        # The first of the newest: from there on as without a limit.
        first = database.execute(
            f"select time, number from events where {where} "
            "order by time desc, number desc limit 1 offset ?",
            (*values, selection.limit - 1),
        ).fetchone()
        if first is not None:
            time, number = first[0], first[1] - 1
    left = selection.limit
    while left is None or left > 0:
        page = database.execute(
            f"select time, number, event from events where {where} "
            "and (time, number) > (?, ?) order by time, number limit ?",
            (*values, time, number, _PAGE if left is None else min(left, _PAGE)),
        ).fetchall()
        if not page:
            return
        for time, number, text in page:  # noqa: B007  # the last pair is where to go on
            yield text
        left = None if left is None else left - len(page)


def _conditions(selection: Selection) -> tuple[str, list[str | int]]:
    """SQL and its values."""
    given: dict[str, str | int | None] = {
        "time >= ?": as_text(selection.since) if selection.since else None,
        "time < ?": as_text(selection.until) if selection.until else None,
        "emotion = ?": selection.emotion,
        "type = ?": selection.type,
        "track = ?": selection.track,
    }
    wanted = {condition: value for condition, value in given.items() if value is not None}
    return " and ".join(wanted) or "true", list(wanted.values())


def _event(fields: dict[str, Any]) -> EmotionEvent:
    """An event out of what `EmotionEvent.as_dict` made of it."""
    time = datetime.fromisoformat(fields["time"].replace("Z", "+00:00"))
    return EmotionEvent(**fields | {"time": time, "box": Box(*fields["box"])})
