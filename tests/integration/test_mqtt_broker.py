"""The MQTT sink at a real broker: ways in, refusals, commands, Home Assistant."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from time import monotonic
from typing import Any

import cv2
import numpy as np
import pytest

from agent.cli import main
from agent.feedback.mqtt import courier, visit
from agent.feedback.outbox import Outbox
from agent.status import View
from agent.types import Frame
from tests.brokers.hall import BASE, DISCOVERY, EVENTS, Hall
from tests.brokers.mosquitto import USERS, Mosquitto
from tests.brokers.publisher import numbered
from tests.brokers.watcher import Watcher, wait_for


def ways_in(broker: Mosquitto) -> dict[str, dict[str, Any]]:
    files = {name: str(broker.folder / name) for name in ("ca.crt", "client.crt", "client.key")}
    tls = {"tls": True, "ca_file": files["ca.crt"]}
    client = {"cert_file": files["client.crt"], "key_file": files["client.key"]}
    return {
        "plain": {"port": broker.plain},
        "MQTT 3.1.1": {"port": broker.plain, "protocol": "3.1.1"},
        "TLS": {"port": broker.tls, **tls},
        "client certificate": {"port": broker.mutual, **tls, **client},
        "WebSocket": {"port": broker.websockets, "transport": "websockets"},
    }


@pytest.mark.parametrize("way", ["plain", "MQTT 3.1.1", "TLS", "client certificate", "WebSocket"])
def test_every_way_in_delivers(
    broker: Mosquitto, watcher: Watcher, hall: Callable[..., Hall], way: str
) -> None:
    sink = hall(**ways_in(broker)[way]).sink
    for number in range(50):
        sink.publish(numbered(number))
    watcher.until(lambda: len(watcher.on(EVENTS)) == 50)
    assert [seen.json["frame"] for seen in watcher.on(EVENTS)] == list(range(50))
    assert watcher.on(EVENTS)[0].json == numbered(0).as_dict()
    assert not any(seen.retained for seen in watcher.on(EVENTS))


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "password": ({"password": "wrong"}, r"refuses the login of 'agent': Not authorized"),
    "3.1.1 password": (
        {"password": "wrong", "protocol": "3.1.1"},
        r"refuses the login of 'agent': Not authorized",
    ),
    "certificate of a stranger": (
        {"port": "tls", "tls": True, "ca_file": "stranger.crt"},
        r"certificate does not fit: .*; mqtt\.ca_file",
    ),
    "certificate for another name": (
        {"port": "tls", "tls": True, "ca_file": "ca.crt", "host": "127.0.0.1"},
        r"certificate does not fit: IP address mismatch.*; mqtt\.host",
    ),
    "no client certificate": (
        {"port": "mutual", "tls": True, "ca_file": "ca.crt"},
        r"hangs up before .*client certificate",
    ),
    "no TLS": ({"port": "tls"}, r"hangs up before .*mqtt\.tls"),
    "no WebSocket": ({"transport": "websockets"}, r"no WebSocket at /mqtt"),
    "no such host": ({"host": "no-such-host.invalid"}, r"no such host"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_told_in_one_line_and_without_the_password(
    broker: Mosquitto,
    hall: Callable[..., Hall],
    caplog: pytest.LogCaptureFixture,
    case: str,
) -> None:
    broker.start()
    given, told = REFUSALS[case]
    more = dict(given)
    if "port" in more:
        more["port"] = getattr(broker, str(more["port"]))
    if "ca_file" in more:
        more["ca_file"] = str(broker.folder / str(more["ca_file"]))
    refused = hall(**more)
    refused.health()
    refused.close()
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith(f"mqtt: {more.get('host', 'localhost')}:")
    assert re.search(told, line), line
    assert "wrong" not in line
    assert USERS["agent"] not in caplog.text


def test_a_password_that_is_renewed_in_its_file_opens_the_next_time(
    broker: Mosquitto, hall: Callable[..., Hall], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "_FIRST_PAUSE", 0.05)
    broker.start()
    file = tmp_path / "password"
    file.write_text("of last year")
    agent = hall(password=None, password_file=str(file))
    assert "refuses the login" in agent.health()
    file.write_text(USERS["agent"])
    wait_for(lambda: agent.board.status.health["mqtt"] == "ok")
    agent.close()


def test_a_denied_topic_is_told_once_and_its_events_wait_for_the_right(
    broker: Mosquitto,
    watcher: Watcher,
    hall: Callable[..., Hall],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(visit, "_HELD_BACK", 0.3)
    allowed = (broker.folder / "acl").read_text()
    broker.allow(allowed.replace("topic write emotion-agent/+/events\n", ""))
    name = "emotion-agent-hall"
    denied = hall()
    for number in range(30):
        denied.sink.publish(numbered(number))
    assert f"does not take {EVENTS}: Not authorized" in denied.health()
    log = broker.folder / "broker.log"
    wait_for(lambda: log.read_text().count(f"Denied PUBLISH from {name}") >= 21)
    broker.allow(allowed)
    watcher.until(lambda: len(watcher.on(EVENTS)) >= 30)
    wait_for(lambda: denied.board.status.health["mqtt"] == "ok")
    assert [seen.json["frame"] for seen in watcher.on(EVENTS)] == list(range(30))
    assert len([r for r in caplog.records if "does not take" in r.getMessage()]) == 1


def test_the_availability_follows_the_agent(watcher: Watcher, hall: Callable[..., Hall]) -> None:
    topic = f"{BASE}/availability"
    agent = hall()
    watcher.until(lambda: watcher.on(topic))
    agent.close()
    watcher.until(lambda: len(watcher.on(topic)) == 2)
    assert [seen.payload for seen in watcher.on(topic)] == [b"online", b"offline"]


def test_closing_at_once_still_delivers_and_keeps_the_rest(
    watcher: Watcher, hall: Callable[..., Hall], tmp_path: Path
) -> None:
    agent = hall()
    watcher.first(f"{BASE}/state")
    for number in range(100):
        agent.sink.publish(numbered(number))
    agent.close()
    watcher.until(lambda: watcher.on(f"{BASE}/availability")[-1].payload == b"offline")
    sent = [seen.json["frame"] for seen in watcher.on(EVENTS)]
    assert sent
    assert sent == list(range(len(sent)))
    # On a slow machine time may be up before all are sent.
    left = Outbox(tmp_path / "mqtt-outbox.sqlite", 1000, 3600.0).after(0, 1000)
    waiting = [json.loads(letter.payload)["frame"] for letter in left]
    assert sorted({*sent, *waiting}) == list(range(100))


def test_events_wait_for_a_broker_that_comes_later(
    broker: Mosquitto, watcher: Watcher, hall: Callable[..., Hall]
) -> None:
    wait_for(lambda: broker.keeps(watcher.name))
    broker.kill()
    agent = hall(state_interval=0.5)
    for number in range(20):
        agent.sink.publish(numbered(number))
    agent.health()
    broker.start()
    watcher.until(lambda: len(watcher.on(EVENTS)) == 20)
    watcher.first(f"{BASE}/state", lambda state: state["outbox"]["waiting"] == 0)
    assert agent.board.reconnects["mqtt"] == 0


@pytest.mark.parametrize(
    ("command", "payload", "ok", "told"),
    [
        ("mute", "ON", True, "the sound is off"),
        ("mute", "toggle", True, "the sound is off"),
        ("mute", "OFF", True, "the sound is on"),
        ("mute", "perhaps", False, "ON, OFF or TOGGLE"),
        ("pause", "ON", True, "the camera is turned off"),
        ("pause", b"\xff\xfe", False, "no word"),
        ("pause", "ON" * 500, False, "no word"),
        ("cue", "", False, "no sound"),
        ("cue", "joy", False, "no such emotion"),
        ("reload", "", False, "unknown setting 'facs'; agent.toml: 'device' is wrong"),
        ("snapshot", "", False, "mqtt.snapshots is off"),
        ("format", "c:", False, "no such command; there are: mute, pause, cue, reload, snapshot"),
    ],
)
def test_commands_get_a_result(
    watcher: Watcher,
    hall: Callable[..., Hall],
    command: str,
    payload: str | bytes,
    ok: bool,
    told: str,
) -> None:
    agent = hall()
    watcher.first(f"{BASE}/state")
    watcher.publish(f"{BASE}/command/{command}", payload)
    result = watcher.first(f"{BASE}/command/{command}/result")
    assert (result["command"], result["ok"]) == (command, ok)
    assert told in result["message"]
    assert agent.control.muted == (told == "the sound is off")
    assert agent.control.paused == (told == "the camera is turned off")
    assert not watcher.on(f"{BASE}/snapshot")


def test_a_cue_reaches_who_listens(watcher: Watcher, hall: Callable[..., Hall]) -> None:
    agent = hall()
    heard: list[str | None] = []
    agent.control.on_cue(heard.append)
    watcher.first(f"{BASE}/state")
    watcher.publish(f"{BASE}/command/cue", "surprise")
    assert watcher.first(f"{BASE}/command/cue/result")["ok"]
    assert heard == ["surprise"]


def test_a_retained_command_is_not_carried_out(watcher: Watcher, hall: Callable[..., Hall]) -> None:
    topic = f"{BASE}/command/pause"
    watcher.publish(topic, "ON", retain=True)
    agent = hall()
    assert not watcher.first(f"{topic}/result")["ok"]
    assert not agent.control.paused
    watcher.publish(topic, b"", retain=True)


def test_a_snapshot_is_sent_where_it_is_allowed_and_the_camera_is_on(
    watcher: Watcher, hall: Callable[..., Hall]
) -> None:
    agent = hall(snapshots=True)
    picture = np.full((120, 160, 3), 90, np.uint8)
    agent.board.view = View(Frame(picture, 1, 0.0, 0.0, datetime.now(timezone.utc)))
    watcher.first(f"{BASE}/state")
    watcher.publish(f"{BASE}/command/snapshot", "")
    assert watcher.first(f"{BASE}/command/snapshot/result")["ok"]
    (sent,) = watcher.on(f"{BASE}/snapshot")
    shown = cv2.imdecode(np.frombuffer(sent.payload, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape == (120, 160, 3)
    assert not sent.retained
    watcher.forget()
    agent.control.pause(True)
    watcher.publish(f"{BASE}/command/snapshot", "")
    assert "camera is off" in watcher.first(f"{BASE}/command/snapshot/result")["message"]
    assert not watcher.on(f"{BASE}/snapshot")


def test_home_assistants_birth_is_answered_within_a_second(
    watcher: Watcher, hall: Callable[..., Hall], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit, "_LOOK", 3600.0)  # it is the message that wakes, no look at a clock
    hall(state_interval=3600)
    first = watcher.first(DISCOVERY)
    watcher.first(f"{BASE}/state")
    seconds = []
    for _ in range(5):  # the machine may be busy once
        watcher.forget()
        asked = monotonic()
        watcher.publish("homeassistant/status", "online")
        assert watcher.first(DISCOVERY) == first
        watcher.first(f"{BASE}/state")
        seconds.append(monotonic() - asked)
        assert watcher.on(f"{BASE}/availability")[0].payload == b"online"
    print(f"a birth is answered within {min(seconds):.3f} to {max(seconds):.3f} s")
    assert min(seconds) < 1


def test_the_discovery_stays_the_same_over_a_restart(
    broker: Mosquitto, watcher: Watcher, hall: Callable[..., Hall]
) -> None:
    first = hall()
    watcher.until(lambda: len(watcher.on(DISCOVERY)) == 1)
    first.close()
    hall()
    watcher.until(lambda: len(watcher.on(DISCOVERY)) == 2)
    before, after = watcher.on(DISCOVERY)
    assert before.payload == after.payload
    with Watcher(broker.plain, DISCOVERY) as late:
        late.until(lambda: late.seen)
        assert (late.seen[0].payload, late.seen[0].retained) == (after.payload, True)


def test_without_home_assistant_nothing_is_announced(
    watcher: Watcher, hall: Callable[..., Hall]
) -> None:
    hall(home_assistant=False)
    watcher.first(f"{BASE}/state")
    assert not watcher.on(DISCOVERY)


def test_remove_deletes_what_the_broker_retains(
    broker: Mosquitto,
    watcher: Watcher,
    hall: Callable[..., Hall],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    agent = hall()
    watcher.first(f"{BASE}/state")
    agent.close()
    watcher.until(lambda: watcher.on(f"{BASE}/availability")[-1].payload == b"offline")
    mqtt = {"host": "localhost", "port": broker.plain, "username": "agent"}
    lines = [f"{key} = {json.dumps(value)}" for key, value in mqtt.items()]
    (tmp_path / "password").write_text(USERS["agent"])
    lines.append(f'password_file = "{tmp_path}/password"')
    file = tmp_path / "agent.toml"
    file.write_text("\n".join(['device = "hall"', "[mqtt]", *lines]))
    assert main(["mqtt", "remove", "--config", str(file)]) == 0
    assert f"removed {DISCOVERY}" in capsys.readouterr().out
    with Watcher(broker.plain, "emotion-agent/#", "homeassistant/#") as late:
        late.publish("emotion-agent/marker", b"x")
        late.until(lambda: late.on("emotion-agent/marker"))
        assert [seen.topic for seen in late.seen] == ["emotion-agent/marker"]
    (tmp_path / "password").write_text("wrong")
    assert main(["mqtt", "remove", "--config", str(file)]) == 1
    assert "refuses the login" in capsys.readouterr().err


def test_the_dialect_of_dl_streamer_is_what_events_are_sent_in(
    watcher: Watcher, hall: Callable[..., Hall]
) -> None:
    hall(dialect="dlstreamer").sink.publish(numbered(5))
    message = watcher.first(EVENTS)
    assert message["objects"][0]["emotion"]["label"] == "happy"
    announced = watcher.first(DISCOVERY)["components"]
    assert not any(c["platform"] == "device_automation" for c in announced.values())
