"""What is done while a connection stands: events out, state shown, commands taken."""

from __future__ import annotations

import json
import logging
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timezone
from threading import Event
from time import monotonic
from typing import Any, Final

from agent.feedback.mqtt.commands import Commands, Outcome
from agent.feedback.mqtt.discovery import BIRTH, discovery_message
from agent.feedback.mqtt.link import (
    Acknowledged,
    Happening,
    Link,
    LinkError,
    Lost,
    Received,
    Unsubscribable,
)
from agent.feedback.mqtt.state import Mail, gist, state_message
from agent.feedback.mqtt.topics import Topics
from agent.feedback.outbox import Outbox
from agent.settings import MqttSettings
from agent.status import StatusBoard

logger = logging.getLogger(__name__)

ONLINE: Final = "online"
OFFLINE: Final = "offline"

_LOOK: Final = 0.25
"""Seconds between two looks at the status."""
_HELD_BACK: Final = 30.0
"""Seconds before what the broker did not allow is sent again."""
_UNANSWERED: Final = 60.0
"""Seconds after which a connection that looks alive is given up, as the message that is to be
acknowledged next is not. Others may be, out of turn: a broker that is throttled forgets some."""
_AT_ONCE: Final = 100
"""Happenings that are seen to before anything is sent."""
_MOST_OWN: Final = 100
"""Messages that wait for room and are no letters; beyond them no command is carried out."""
_FAREWELL: Final = 0.5
"""Seconds for what is still waiting, and again for the last word."""


@dataclass(frozen=True)
class Served:
    """One device and all that is told of it."""

    device: str
    settings: MqttSettings
    topics: Topics
    outbox: Outbox
    commands: Commands
    board: StatusBoard


@dataclass(frozen=True)
class _Sent:
    """A message that the broker has not acknowledged yet."""

    topic: str
    letter: int | None = None
    """Its id in the outbox, if it comes from there."""


class Visit:
    """The use of one connection; belongs to one thread."""

    def __init__(self, served: Served, link: Link) -> None:
        self._device = served.device
        self._settings = served.settings
        self._topics = served.topics
        self._outbox = served.outbox
        self._commands = served.commands
        self._board = served.board
        self._link = link
        self._own: deque[tuple[str, str | bytes, bool]] = deque()
        """Topic, payload and whether to retain it, of what waits for room and is no letter."""
        self._in_flight: dict[int, _Sent] = {}
        self._eldest: int | None = None
        self._waits_since = 0.0
        self._last_letter = 0
        self._letters_from = 0.0
        self._gist: tuple[object, ...] | None = None
        self._state_sent = 0.0
        self._refused: set[str] = set()

    def serve(self, closing: Event, woken: Event) -> bool:
        """Go on until `closing` is set; `woken` is cleared when its cause has been seen to.

        Returns whether the broker knows that the agent leaves. Raises `LinkError` when the
        connection ends, `sqlite3.Error` when the disk fails.
        """
        self._board.report("mqtt")
        self._greet()
        while not closing.is_set():
            self._send_own()
            self._send_letters()
            self._show_state()
            self._take_in(_LOOK)
            woken.clear()
            self._require_answers()
        return self._take_leave()

    def _require_answers(self) -> None:
        eldest = next(iter(self._in_flight), None)
        if eldest != self._eldest:
            self._eldest, self._waits_since = eldest, monotonic()
        elif eldest is not None and monotonic() - self._waits_since > _UNANSWERED:
            raise LinkError("the broker does not acknowledge what it is sent")

    def _greet(self) -> None:
        self._link.subscribe(self._topics.commands)
        self._announce()
        if self._settings.home_assistant:
            self._link.subscribe(self._topics.birth)

    def _announce(self) -> None:
        """Tell everything that is retained."""
        self._send(self._topics.availability, ONLINE, retain=True)
        if self._settings.home_assistant:
            message = discovery_message(
                self._device, self._topics, triggers=self._settings.dialect == "native"
            )
            self._send(self._topics.discovery, json.dumps(message), retain=True)
        self._gist = None

    def _take_leave(self) -> bool:
        self._show_state()
        until = monotonic() + _FAREWELL
        while (len(self._outbox) or self._own or self._in_flight) and monotonic() < until:
            self._send_own()
            self._send_letters()
            self._take_in(until - monotonic())
        self._own.clear()
        self._send(self._topics.availability, OFFLINE, retain=True)
        until = monotonic() + _FAREWELL
        while (self._own or self._in_flight) and monotonic() < until:
            self._send_own()
            self._take_in(until - monotonic())
        return not self._own and not self._in_flight

    def _send(self, topic: str, payload: str | bytes, retain: bool = False) -> None:
        """Send what is no letter, as soon as the broker has room for it."""
        self._own.append((topic, payload, retain))
        self._send_own()

    def _send_own(self) -> None:
        while self._own and self._room:
            topic, payload, retain = self._own.popleft()
            self._publish(_Sent(topic), payload, retain)

    def _send_letters(self) -> None:
        room = self._room
        if self._topics.events in self._refused:
            # One to try with: of several the last might be taken, and overtake the first.
            room = 0 if any(sent.letter for sent in self._in_flight.values()) else min(1, room)
        if not room or monotonic() < self._letters_from or not len(self._outbox):
            return
        for letter in self._outbox.after(self._last_letter, room):
            self._publish(_Sent(letter.topic, letter.id), letter.payload)
            self._last_letter = letter.id

    @property
    def _room(self) -> int:
        """How many messages the broker takes before it has acknowledged one."""
        return max(0, self._link.window - len(self._in_flight))

    def _publish(self, sent: _Sent, payload: str | bytes, retain: bool = False) -> None:
        self._in_flight[self._link.publish(sent.topic, payload, retain)] = sent

    def _show_state(self) -> None:
        """Send the state if something changed or it is due, and the last one has arrived."""
        status = self._board.status
        due = monotonic() - self._state_sent >= self._settings.state_interval
        if not due and gist(status) == self._gist:
            return
        if self._own or any(s.topic == self._topics.state for s in self._in_flight.values()):
            return
        mail = Mail(
            len(self._outbox), self._outbox.dropped, self._outbox.expired, self._outbox.rejected
        )
        message = state_message(self._device, status, mail, datetime.now(timezone.utc))
        self._send(self._topics.state, json.dumps(message), retain=True)
        self._gist, self._state_sent = gist(status), monotonic()

    def _take_in(self, patience: float) -> None:
        """Wait for something to happen, and see to what has."""
        delivered: list[int] = []
        try:
            for _ in range(_AT_ONCE):
                happening = self._link.next(patience)
                if happening is None:
                    break
                self._see_to(happening, delivered)
                patience = 0.0
        finally:
            if delivered:
                self._outbox.remove(delivered)

    def _see_to(self, happening: Happening, delivered: list[int]) -> None:
        if isinstance(happening, Acknowledged):
            self._acknowledged(happening, delivered)
        elif isinstance(happening, Received):
            self._received(happening)
        elif isinstance(happening, Unsubscribable):
            self._complain(f"takes no subscription: {happening.why}")
        elif isinstance(happening, Lost):
            taken = "taken over" in happening.why
            hint = "; does another agent have the same `device`?" if taken else ""
            raise LinkError(f"the connection is lost: {happening.why}{hint}")

    def _acknowledged(self, answer: Acknowledged, delivered: list[int]) -> None:
        sent = self._in_flight.pop(answer.number, None)
        if sent is None:
            return
        if answer.refusal is None:
            if sent.letter is not None:
                delivered.append(sent.letter)
            self._allowed(sent.topic)
            return
        self._complain(
            f"does not take {sent.topic}: {answer.refusal}; give this login the right to write it",
            sent.topic,
        )
        if sent.letter is not None and answer.later:
            self._last_letter = min(self._last_letter, sent.letter - 1)
            self._letters_from = monotonic() + _HELD_BACK
        elif sent.letter is not None:
            self._outbox.reject(sent.letter)

    def _complain(self, problem: str, topic: str = "") -> None:
        if topic in self._refused:
            return
        self._refused.add(topic)
        logger.warning("mqtt: the broker %s", problem)
        self._board.report("mqtt", f"the broker {problem}")

    def _allowed(self, topic: str) -> None:
        if topic in self._refused:
            self._refused.remove(topic)
            if not self._refused:
                self._board.report("mqtt")

    def _received(self, message: Received) -> None:
        if message.topic == self._topics.birth:
            # A retained birth is old news: everything was just told on connecting.
            if message.payload == BIRTH and not message.retained:
                self._announce()
            return
        name = self._topics.command_name(message.topic)
        if name is None or len(self._own) >= _MOST_OWN:
            return
        if message.retained:
            outcome = Outcome(False, "a retained command is not carried out")
        else:
            outcome = self._commands.carry_out(name, message.payload)
        logger.info("mqtt: command %s: %s", name, outcome.message)
        if outcome.picture is not None:
            self._send(self._topics.snapshot, outcome.picture)
        self._send(self._topics.result(name), json.dumps(_result(name, outcome)))


def _result(name: str, outcome: Outcome) -> dict[str, Any]:
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"command": name, "ok": outcome.ok, "message": outcome.message, "time": now}
