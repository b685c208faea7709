"""A connection to brokers and senders such as no real broker can be made to be."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import cast

import pytest

from agent.control import Control
from agent.feedback.mqtt import visit
from agent.feedback.mqtt.commands import Commands
from agent.feedback.mqtt.link import Acknowledged, Happening, Link, LinkError, Received
from agent.feedback.mqtt.topics import Topics
from agent.feedback.mqtt.visit import Served, Visit
from agent.feedback.outbox import Outbox
from agent.settings import MqttSettings
from agent.status import StatusBoard

TOPICS = Topics("hall")
MANY = 3000


class ScriptedLink:
    """Stands for a broker: acknowledges what it is told to, and `happens` in between."""

    window = 20

    def __init__(self, takes: Callable[[str], bool], happens: Callable[[int], None]) -> None:
        self._takes = takes
        self._happens = happens
        self.happened: deque[Happening] = deque()
        self.looks = 0
        self.published: list[str] = []

    def publish(self, topic: str, _payload: str | bytes, _retain: bool = False) -> int:
        self.published.append(topic)
        number = len(self.published)
        if self._takes(topic):
            self.happened.append(Acknowledged(number))
        return number

    def subscribe(self, topic: str) -> None:
        pass

    def next(self, timeout: float) -> Happening | None:
        self.looks += 1
        self._happens(self.looks)
        if not self.happened:
            time.sleep(min(timeout, 0.001))
            return None
        return self.happened.popleft()


def serve(link: ScriptedLink, outbox: Outbox, closing: Event) -> None:
    board = StatusBoard()
    commands = Commands(Control(), board, snapshots=False)
    served = Served("hall", MqttSettings(host="broker"), TOPICS, outbox, commands, board)
    Visit(served, cast(Link, link)).serve(closing, Event())


def test_a_state_that_is_never_acknowledged_ends_the_connection_though_events_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit, "_UNANSWERED", 0.05)
    outbox, closing = Outbox(tmp_path / "box", 100, 3600.0), Event()

    def happens(look: int) -> None:
        outbox.put(TOPICS.events, b"{}")
        if look == MANY:
            closing.set()

    link = ScriptedLink(lambda topic: topic != TOPICS.state, happens)
    with pytest.raises(LinkError, match="does not acknowledge what it is sent"):
        serve(link, outbox, closing)
    assert outbox.delivered
    outbox.close()


def test_a_flood_of_commands_keeps_nothing_from_being_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit, "_FAREWELL", 0.0)
    outbox, closing = Outbox(tmp_path / "box", 100, 3600.0), Event()
    outbox.put(TOPICS.events, b"{}")

    def happens(look: int) -> None:
        assert look < 2 * MANY, "the end is not noticed"
        if len(outbox):
            link.happened.append(Received(TOPICS.command("mute"), b"toggle", retained=False))
        else:
            closing.set()

    link = ScriptedLink(lambda topic: "result" not in topic, happens)
    serve(link, outbox, closing)
    assert TOPICS.events in link.published
    outbox.close()
