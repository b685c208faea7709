"""Messages to many listeners: each has a small queue of its own, in which the newest wins."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any, Final

_WAITING: Final = 64  # events that a listener may be behind
MOST_LISTENERS: Final = 100
"""Beyond this nobody else is let in."""


class Listener:
    """One client of the feed; for the loop's thread alone."""

    def __init__(self) -> None:
        self._state: bytes | None = None
        self._events: deque[bytes] = deque(maxlen=_WAITING)
        self._fresh = asyncio.Event()

    def offer(self, message: bytes, state: bool = False) -> None:
        """Keep a message until it is taken. A state replaces the one before; of events the oldest
        makes room.
        """
        if state:
            self._state = message
        else:
            self._events.append(message)
        self._fresh.set()

    async def take(self, patience: float) -> bytes:
        """All that waits, events first; empty if nothing comes within `patience` seconds."""
        try:
            await asyncio.wait_for(self._fresh.wait(), patience)
        except (asyncio.TimeoutError, TimeoutError):
            return b""
        self._fresh.clear()
        waiting = [*self._events, *([self._state] if self._state is not None else [])]
        self._events.clear()
        self._state = None
        return b"".join(waiting)


class Feed:
    """Those who listen."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()

    def join(self) -> Listener | None:
        """A new listener; None where there are too many."""
        if len(self.listeners) >= MOST_LISTENERS:
            return None
        listener = Listener()
        self.listeners.add(listener)
        return listener

    def send(self, kind: str, data: Any, state: bool = False) -> None:
        """Offer a message to everybody; made only if there is somebody."""
        if self.listeners:
            message = as_message(kind, data)
            for listener in self.listeners:
                listener.offer(message, state)


def as_message(kind: str, data: Any) -> bytes:
    """A server-sent event (WHATWG HTML, section 9.2.6)."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
