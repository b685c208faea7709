"""Hands events to somebody else, one by one, by way of the disk and for as long as it takes."""

from __future__ import annotations

import json
import logging
import random
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final, Literal, Protocol

from agent.feedback.hooks.choice import is_chosen
from agent.feedback.outbox import Letter, Outbox
from agent.feedback.queued import QueuedSink
from agent.settings import GreengrassSettings, WebhookSettings
from agent.status import StatusBoard
from agent.types import EmotionEvent

logger = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 60.0
"""Seconds between two attempts; doubled after each that fails."""
_FAREWELL: Final = 1.0
"""Seconds that closing waits for the other side."""
_PAGE: Final = 20
"""Events read from the disk at a time."""


@dataclass(frozen=True)
class Answer:
    """What became of a message."""

    verdict: Literal["delivered", "rejected", "later"]
    """`later`: it has to be sent again."""
    words: str = ""
    """Why it was not delivered."""
    wait: float = 0.0
    """Seconds that the other side asks to be left alone."""


class Road(Protocol):
    """The way to the other side; belongs to one thread, but for `abort`."""

    def send(self, body: bytes) -> Answer:
        """Send a message; never raises."""
        ...

    def abort(self) -> None:
        """End an attempt that is under way; for any thread."""
        ...

    def close(self) -> None:
        """Give the connection back; the next message opens another."""
        ...


class PostedSink(QueuedSink):
    """Stores each chosen event on disk within milliseconds; a postman takes it from there."""

    def __init__(
        self,
        settings: WebhookSettings | GreengrassSettings,
        road: Road,
        target: str,
        folder: Path,
        board: StatusBoard,
    ) -> None:
        """`target` is what the log calls the other side; `folder` holds the outbox."""
        self._settings = settings
        path = folder / f"{self.name}-outbox.sqlite"
        self.outbox = Outbox(path, settings.outbox_events, 3600 * settings.outbox_hours)
        """What waits, and what became of the rest."""
        self._board = board
        self._full = False
        self._postman = Postman(self.name, target, road, self.outbox, board)
        self._postman.start()
        super().__init__()

    def deliver(self, event: EmotionEvent) -> None:
        if not is_chosen(event, self._settings):
            return
        try:
            self.outbox.put(event.type, json.dumps(event.as_dict()).encode())
            self._full = False
        except sqlite3.Error as error:
            self.dropped += 1
            if not self._full:
                logger.error(
                    "%s: events are lost, the outbox cannot be written: %s", self.name, error
                )
            self._full = True
            return
        self._postman.wake()

    def release(self) -> None:
        self._postman.close(_FAREWELL)
        self.outbox.close()
        self._board.forget(self.name)


class Postman:
    """A thread that posts what is in an outbox, one after the other, for as long as it takes."""

    def __init__(
        self, name: str, target: str, road: Road, outbox: Outbox, board: StatusBoard
    ) -> None:
        self._name = name
        self._target = target
        self._road = road
        self._outbox = outbox
        self._board = board
        self._closing = Event()
        self._woken = Event()
        self._told = ""
        self._rejections: set[str] = set()
        """Statuses of rejections that have been told."""
        self._pause = _FIRST_PAUSE
        self._thread = Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin with what is left from before."""
        self._board.report(self._name)
        self._thread.start()

    def wake(self) -> None:
        """Something was put into the outbox; for any thread."""
        self._woken.set()

    def close(self, patience: float) -> None:
        """Post what waits and end; in `patience` seconds, or what is left stays on disk."""
        self._closing.set()
        self._woken.set()
        self._thread.join(patience)
        if self._thread.is_alive():
            self._road.abort()
            self._thread.join(0.2)

    def _work(self) -> None:
        while True:
            self._woken.clear()
            try:
                is_going = self._empty_box()
            except sqlite3.Error as error:
                if self._closing.is_set():  # it was closed because we took too long
                    break
                self._tell(f"the outbox cannot be used: {error}")
                is_going = False
                self._rest()
            except Exception as error:
                # A dead thread would leave the events in the box for good.
                logger.exception("%s: trying again", self._name)
                self._tell(f"it failed: {error!r}")
                is_going = False
                self._rest()
            if self._closing.is_set():
                break
            if is_going:
                self._woken.wait()
        self._road.close()

    def _empty_box(self) -> bool:
        """Post what waits; False where an attempt has failed, after the pause that follows it."""
        while letters := self._outbox.after(0, _PAGE):
            for letter in letters:
                answer = self._road.send(letter.payload)
                if answer.verdict == "later":
                    self._put_off(answer)
                    return False
                self._pause = _FIRST_PAUSE
                self._settle(letter, answer)
        return True

    def _settle(self, letter: Letter, answer: Answer) -> None:
        if answer.verdict == "delivered":
            self._outbox.remove([letter.id])
            if self._told:
                logger.info("%s: %s takes events again", self._name, self._target)
                self._told = ""
            self._board.report(self._name)
        else:
            self._outbox.reject(letter.id)
            self._tell_rejection(answer)

    def _put_off(self, answer: Answer) -> None:
        if self._closing.is_set():
            return  # it was broken off
        self._tell(f"{answer.words}; trying again until it works")
        self._rest(answer.wait)

    def _rest(self, asked: float = 0.0) -> None:
        """Wait before the next attempt, for as long as `asked` at least."""
        # Agents that lost one server must not all come back in the same moment.
        self._closing.wait(max(asked, self._pause * random.uniform(0.8, 1.2)))
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _tell_rejection(self, answer: Answer) -> None:
        """Report it, and log each kind once."""
        problem = f"it does not take an event: {answer.words}; such events are dropped"
        status = answer.words.partition(" ")[0]
        if status not in self._rejections:
            self._rejections.add(status)
            logger.warning("%s: %s: %s", self._name, self._target, problem)
        self._board.report(self._name, f"{problem}, {self._outbox.rejected} so far")

    def _tell(self, problem: str) -> None:
        """Log what is wrong, in one line and once, and report it."""
        if problem == self._told:
            return
        self._told = problem
        logger.warning("%s: %s: %s", self._name, self._target, problem)
        self._board.report(self._name, problem)
