"""The MQTT sink on a bad way to the broker, and at brokers that are slow, narrow or old."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agent.feedback.mqtt import visit
from agent.feedback.mqtt.link import Link, LinkError, Lost
from agent.feedback.mqtt.login import read_login
from agent.settings import MqttSettings
from tests.brokers.hall import BASE, EVENTS, Hall
from tests.brokers.mosquitto import USERS, Mosquitto
from tests.brokers.publisher import numbered
from tests.brokers.road import Road
from tests.brokers.watcher import Watcher, wait_for
from tests.patience import PATIENCE
from tests.ports import free_port


@pytest.mark.parametrize("answer", [b"\x20\x02\x00\x01", b"", b"\x20\x03\x00\x84\x00"])
def test_a_broker_that_knows_only_3_1_1_is_served_in_that(
    broker: Mosquitto, watcher: Watcher, hall: Callable[..., Hall], answer: bytes
) -> None:
    with closing(Road(broker.plain, to_mqtt_5=answer)) as road:
        agent = hall(port=road.port)
        agent.sink.publish(numbered(1))
        watcher.until(lambda: len(watcher.on(EVENTS)) == 1)
        agent.close()


def test_a_network_that_falls_silent_is_noticed_and_nothing_is_lost(
    broker: Mosquitto, watcher: Watcher, hall: Callable[..., Hall]
) -> None:
    with closing(Road(broker.plain)) as road:
        agent = hall(port=road.port, keepalive=5)
        watcher.first(f"{BASE}/state")
        road.silent = True
        for number in range(30):
            agent.sink.publish(numbered(number))
        assert "Keep alive timeout" in agent.health()
        assert not watcher.on(EVENTS)
        road.silent = False
        watcher.until(lambda: len(watcher.on(EVENTS)) == 30)
        assert [seen.json["frame"] for seen in watcher.on(EVENTS)] == list(range(30))
        agent.close()


def test_a_broker_that_acknowledges_nothing_is_left_and_met_again(
    broker: Mosquitto,
    watcher: Watcher,
    hall: Callable[..., Hall],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(visit, "_UNANSWERED", 1.0)
    with closing(Road(broker.plain)) as road:
        agent = hall(port=road.port)
        watcher.first(f"{BASE}/state")
        road.keeps_acknowledgements = True
        agent.sink.publish(numbered(1))
        assert "does not acknowledge what it is sent" in agent.health()
        road.keeps_acknowledgements = False
        agent.sink.publish(numbered(2))
        watcher.until(lambda: [seen.json["frame"] for seen in watcher.on(EVENTS)][-1:] == [2])
        frames = [seen.json["frame"] for seen in watcher.on(EVENTS)]
        assert list(dict.fromkeys(frames)) == [1, 2]
        wait_for(lambda: agent.board.status.health["mqtt"] == "ok")
        assert agent.board.reconnects["mqtt"] >= 1
        agent.close()


def test_an_agent_that_cannot_take_leave_is_told_offline_by_its_will(
    broker: Mosquitto, watcher: Watcher, hall: Callable[..., Hall]
) -> None:
    topic = f"{BASE}/availability"
    with closing(Road(broker.plain)) as road:
        agent = hall(port=road.port)
        watcher.first(f"{BASE}/state")
        road.keeps_acknowledgements = True
        for number in range(30):
            agent.sink.publish(numbered(number))
        wait_for(lambda: agent.sink.delivered == 30)
        agent.close()
        watcher.until(lambda: watcher.on(topic)[-1].payload == b"offline")


@pytest.mark.parametrize("window", [1, 3])
def test_a_broker_gets_no_more_at_once_than_it_allows(tmp_path: Path, window: int) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Mosquitto(folder, max_inflight_messages=window)
    with broker, Watcher(broker.plain, "emotion-agent/#") as watcher:
        with closing(Road(broker.plain)) as road:
            road.lag = 0.02
            agent = Hall(tmp_path, broker, port=road.port)
            for number in range(100):
                agent.sink.publish(numbered(number))
            for command in ("mute", "pause", "cue"):
                watcher.publish(f"{BASE}/command/{command}", "ON")
            watcher.until(lambda: len(watcher.on(EVENTS)) == 100)
            agent.close()
        assert [seen.json["frame"] for seen in watcher.on(EVENTS)] == list(range(100))
        watcher.until(lambda: watcher.on(f"{BASE}/availability")[-1].payload == b"offline")
        assert 0 < road.most_in_flight <= window


def test_connections_that_have_ended_leave_nothing_open(broker: Mosquitto) -> None:
    broker.start()

    def link(port: int, password: str = USERS["agent"]) -> Link:
        told = {"host": "127.0.0.1", "port": port, "username": "agent", "password": password}
        settings = MqttSettings.model_validate(told)
        return Link(read_login(settings), settings, "5", "hall", None)

    def come_and_go() -> None:
        lost = link(broker.plain)
        left = link(broker.plain)  # of the same name, so that the broker ends the former
        while not isinstance(lost.next(timeout=PATIENCE), Lost):
            pass
        lost.close()
        left.close()
        with pytest.raises(LinkError, match="refuses the login"):
            link(broker.plain, password="wrong")
        with pytest.raises(LinkError, match="nothing listens"):
            link(free_port())

    gc.collect()
    gc.disable()  # a collection would close what was only forgotten
    try:
        come_and_go()
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        for _ in range(5):
            come_and_go()
        assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208
    finally:
        gc.enable()
