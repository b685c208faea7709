"""The sink while no broker is there."""

from __future__ import annotations

import gc
import socket
import time
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest

from agent.control import Control
from agent.errors import AgentError
from agent.feedback.mqtt import courier, link
from agent.feedback.mqtt.login import read_login
from agent.feedback.mqtt.sink import MqttSink
from agent.feedback.outbox import Outbox
from agent.settings import MqttSettings, Settings
from agent.status import StatusBoard
from tests.brokers.publisher import numbered
from tests.brokers.watcher import wait_for
from tests.patience import PATIENCE
from tests.ports import free_port

KEPT = 1000


def away(**more: object) -> Settings:
    """Settings for a broker that is not there."""
    mqtt = {"host": "127.0.0.1", "port": free_port(), "outbox_events": KEPT, **more}
    return Settings(device="hall", mqtt=MqttSettings.model_validate(mqtt))


def store(sink: MqttSink, first: int, last: int) -> None:
    for number in range(first, last + 1):
        sink.publish(numbered(number))
        if number % 100 == 0:
            wait_for(lambda: not sink._queue)


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def test_an_hour_without_a_broker_fills_neither_memory_nor_disk(tmp_path: Path) -> None:
    sink = MqttSink(away(), Control(), StatusBoard(), tmp_path)
    store(sink, 1, 3000)
    gc.collect()
    tracemalloc.start()
    before, size_before = tracemalloc.get_traced_memory()[0], size_of(tmp_path)
    store(sink, 3001, 18_000)  # five a second for an hour
    wait_for(lambda: sink.delivered == 18_000)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    size = size_of(tmp_path)
    sink.close()
    print(f"memory +{grown} bytes, files {size_before} and then {size} bytes")
    assert grown < 200_000
    assert size < 6_000_000
    box = Outbox(tmp_path / "mqtt-outbox.sqlite", KEPT, 3600.0)
    frames = [letter.payload for letter in box.after(0, 2 * KEPT)]
    assert len(frames) == KEPT
    assert b'"frame": 17001,' in frames[0]
    assert b'"frame": 18000,' in frames[-1]


def test_a_broker_that_is_away_is_told_once_and_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = StatusBoard()
    sink = MqttSink(away(), Control(), board, tmp_path)
    wait_for(lambda: board.status.health["mqtt"] != "connecting")
    sink.close()
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "nothing listens there" in line
    assert "127.0.0.1:" in line
    assert "mqtt" not in board.status.health


def test_an_attempt_that_outlives_its_sink_reports_nothing_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(link, "_PATIENCE", 3.0)
    board = StatusBoard()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        sink = MqttSink(away(port=silent.getsockname()[1]), Control(), board, tmp_path)
        silent.accept()[0].close()  # the first attempt, which is for the other protocol
        connection, _ = silent.accept()
        sink.close()  # the settings name another broker
        board.report("mqtt")  # which works
        thread = sink._courier._thread
        assert thread.is_alive()
        thread.join(PATIENCE)
        connection.close()
    assert board.status.health["mqtt"] == "ok"
    assert caplog.records == []


def test_a_broker_too_busy_to_answer_is_asked_less_and_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "_PATIENCE", 0.3)
    monkeypatch.setattr(courier, "_SETTLED", 0.2)
    monkeypatch.setattr(courier, "_FIRST_PAUSE", 0.1)
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        sink = MqttSink(away(port=silent.getsockname()[1]), Control(), StatusBoard(), tmp_path)
        attempts = [(silent.accept(), time.monotonic()) for _ in range(5)]
        sink.close()
    pauses = [later[1] - earlier[1] for earlier, later in pairwise(attempts)]
    for (connection, _), _ in attempts:
        connection.close()
    assert pauses[-1] > pauses[0] + 0.3  # 0.1 s, then 0.2, 0.4 and 0.8, give or take a fifth


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"password": "x", "password_file": "y"}, "give only one"),
        ({"password": "x"}, r"mqtt\.username is missing"),
        ({"username": "a", "password_file": "/no/such"}, r"password_file: /no/such: No such file"),
        ({"ca_file": "ca.crt"}, r"mqtt\.ca_file is set, but mqtt\.tls is not"),
        ({"tls": True, "ca_file": "/no/such"}, r"mqtt\.ca_file: cannot read /no/such"),
        ({"tls": True, "ca_file": __file__}, r"is no PEM certificate"),
        ({"tls": True, "ca_file": "/etc"}, r"mqtt\.ca_file: /etc: Is a directory"),
        ({"tls": True, "cert_file": "/etc"}, r"mqtt\.cert_file .* /etc .* no PEM"),
        ({"tls": True, "cert_file": __file__}, r"no PEM certificate with its key"),
        ({"tls": True, "key_file": __file__}, r"mqtt\.cert_file is not"),
    ],
)
def test_settings_that_cannot_work_are_told(
    tmp_path: Path, wrong: dict[str, object], told: str
) -> None:
    with pytest.raises(AgentError, match=told):
        MqttSink(away(**wrong), Control(), StatusBoard(), tmp_path)


def test_a_password_is_read_from_a_systemd_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broker").write_text("s3cret\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    login = read_login(away(username="agent", password_file="broker").mqtt)
    assert login.password == "s3cret"
    assert "s3cret" not in repr(login)
