"""Keeps the connection to the broker: opens it, and opens it again for ever."""

from __future__ import annotations

import logging
import random
import sqlite3
from math import inf
from threading import Event, Thread
from time import monotonic
from typing import Final

from agent.errors import AgentError
from agent.feedback.mqtt.link import Link, LinkError, ProtocolError, Will
from agent.feedback.mqtt.login import Login, read_login
from agent.feedback.mqtt.visit import OFFLINE, Served, Visit
from agent.settings import MqttSettings

logger = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts to connect; doubled after each that fails."""
_SETTLED: Final = 10.0
"""Seconds after which a connection counts as good, and the pauses begin small again."""


def connect(login: Login, settings: MqttSettings, name: str, will: Will | None = None) -> Link:
    """A connection as client `name`, in the newest protocol that settings and broker allow.

    Raises `LinkError`.
    """
    if settings.protocol == "3.1.1":
        return Link(login, settings, "3.1.1", name, will)
    try:
        return Link(login, settings, "5", name, will)
    except ProtocolError:
        if settings.protocol == "5":
            raise
        return Link(login, settings, "3.1.1", name, will)


class Courier:
    """A thread that serves a device at one broker for as long as the agent runs."""

    def __init__(self, served: Served, login: Login) -> None:
        self._served = served
        self._login = login
        self._link: Link | None = None
        self._closing = Event()
        self._woken = Event()
        self._is_left_behind = False
        self._connected_at = inf
        self._was_connected = False
        self._told = ""
        self._thread = Thread(target=self._work, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._served.board.report("mqtt", "connecting")
        self._thread.start()

    def wake(self) -> None:
        """Something was put into the outbox; for any thread."""
        link = self._link
        if link is not None and not self._woken.is_set():
            self._woken.set()
            link.wake()

    def close(self, patience: float) -> None:
        """Send what waits, say farewell and end; in `patience` seconds, or be left behind."""
        self._closing.set()
        link = self._link
        if link is not None:
            link.wake()
        self._thread.join(patience)
        self._is_left_behind = True

    def _work(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closing.is_set():
            self._connected_at = inf
            try:
                self._visit()
            except LinkError as error:
                self._tell(f"{error}; trying again until it works")
            except sqlite3.Error as error:
                if not self._closing.is_set():  # or it is closed because we took too long
                    self._tell(f"the outbox cannot be used: {error}")
            except Exception:
                # A dead thread would leave the agent without a voice for good.
                logger.exception("mqtt: connecting again")
            if monotonic() - self._connected_at > _SETTLED:
                pause = _FIRST_PAUSE
            # Agents that lost one broker must not all come back in the same moment.
            self._closing.wait(pause * random.uniform(0.8, 1.2))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _visit(self) -> None:
        topics = self._served.topics
        will = Will(topics.availability, OFFLINE)
        try:  # anew each time: certificates and passwords are renewed while the agent runs
            self._login = read_login(self._served.settings)
        except AgentError as error:
            raise LinkError(str(error)) from None
        link = connect(self._login, self._served.settings, topics.identifier, will)
        if self._is_left_behind:  # nobody is served any more
            link.close()
            return
        is_known = False
        try:
            logger.info("mqtt: connected to %s", self._login)
            self._connected_at = monotonic()
            if self._was_connected:
                self._served.board.reconnects["mqtt"] += 1
            self._was_connected = True
            self._told = ""
            self._link = link
            is_known = Visit(self._served, link).serve(self._closing, self._woken)
        finally:
            self._link = None
            link.close(farewell=is_known)

    def _tell(self, problem: str) -> None:
        """Log what is wrong, in one line and once, and report it."""
        if problem == self._told or self._is_left_behind:  # another may report by now
            return
        self._told = problem
        logger.warning("mqtt: %s: %s", self._login, problem)
        self._served.board.report("mqtt", problem)
