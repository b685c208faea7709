"""The sink that posts events to a web server, by way of the disk."""

from __future__ import annotations

import json
import logging
import random
import sqlite3
from pathlib import Path
from threading import Event, Thread
from typing import Final

from agent.feedback.hooks.address import Address, read_address
from agent.feedback.hooks.choice import is_chosen
from agent.feedback.hooks.post import Answer, Poster
from agent.feedback.outbox import Letter, Outbox
from agent.feedback.queued import QueuedSink
from agent.places import device_folder
from agent.settings import Settings
from agent.status import StatusBoard
from agent.types import EmotionEvent

logger = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 60.0
"""Seconds between two attempts; doubled after each that fails."""
_FAREWELL: Final = 1.0
"""Seconds that closing waits for the server."""
_PAGE: Final = 20
"""Events read from the disk at a time."""


class WebhookSink(QueuedSink):
    """Stores each chosen event on disk within milliseconds; a postman takes it from there."""

    name = "webhook"

    def __init__(self, settings: Settings, board: StatusBoard, folder: Path | None = None) -> None:
        """`folder` holds the outbox; None: the device's part of the state folder.

        Raises `AgentError` for settings that cannot work. A server that is away is no error.
        """
        self._settings = settings.feedback.webhook
        address = read_address(self._settings)
        path = (folder or device_folder(settings.device)) / "webhook-outbox.sqlite"
        self.outbox = Outbox(path, self._settings.outbox_events, 3600 * self._settings.outbox_hours)
        """What waits, and what became of the rest."""
        self._board = board
        self._full = False
        self._postman = Postman(address, self._settings.timeout, self.outbox, board)
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
                logger.error("webhook: events are lost, the outbox cannot be written: %s", error)
            self._full = True
            return
        self._postman.wake()

    def release(self) -> None:
        self._postman.close(_FAREWELL)
        self.outbox.close()
        self._board.forget("webhook")


class Postman:
    """A thread that posts what is in an outbox, one after the other, for as long as it takes."""

    def __init__(
        self, address: Address, timeout: float, outbox: Outbox, board: StatusBoard
    ) -> None:
        self._address = address
        self._poster = Poster(address, timeout)
        self._outbox = outbox
        self._board = board
        self._closing = Event()
        self._woken = Event()
        self._told = ""
        self._rejections: set[str] = set()
        """Statuses of rejections that have been told."""
        self._pause = _FIRST_PAUSE
        self._thread = Thread(target=self._work, name="webhook", daemon=True)

    def start(self) -> None:
        """Begin with what is left from before."""
        self._board.report("webhook")
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
            self._poster.abort()
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
            if self._closing.is_set():
                break
            if is_going:
                self._woken.wait()
        self._poster.close()

    def _empty_box(self) -> bool:
        """Post what waits; False where an attempt has failed, after the pause that follows it."""
        while letters := self._outbox.after(0, _PAGE):
            for letter in letters:
                answer = self._poster.send(letter.payload)
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
                logger.info("webhook: %s takes events again", self._address)
                self._told = ""
            self._board.report("webhook")
        else:
            self._outbox.reject(letter.id)
            self._tell_rejection(answer)

    def _put_off(self, answer: Answer) -> None:
        if self._closing.is_set():
            return  # it was broken off
        self._tell(f"{answer.words}; trying again until it works")
        # Agents that lost one server must not all come back in the same moment.
        self._closing.wait(max(answer.wait, self._pause * random.uniform(0.8, 1.2)))
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _tell_rejection(self, answer: Answer) -> None:
        """Report it, and log each kind once."""
        problem = f"it does not take an event: {answer.words}; such events are dropped"
        status = answer.words.partition(" ")[0]
        if status not in self._rejections:
            self._rejections.add(status)
            logger.warning("webhook: %s: %s", self._address, problem)
        self._board.report("webhook", f"{problem}, {self._outbox.rejected} so far")

    def _tell(self, problem: str) -> None:
        """Log what is wrong, in one line and once, and report it."""
        if problem == self._told:
            return
        self._told = problem
        logger.warning("webhook: %s: %s", self._address, problem)
        self._board.report("webhook", problem)
