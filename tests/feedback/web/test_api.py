"""What the API answers, does and refuses."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.control import Control
from agent.errors import AgentError
from agent.feedback.history import HistorySink
from agent.feedback.web.sink import WebSink, open_page
from agent.http_server import AddressTakenError
from agent.settings import HistorySettings, MqttSettings, Settings, SourceSettings, WebSettings
from agent.status import RemoteReading, ServerReading, StatusBoard
from tests.feedback.web.page_server import Served, Stream, event, serving, until


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return tmp_path


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


def record(*kinds: tuple[int, str, str]) -> None:
    sink = HistorySink(HistorySettings(), "hall")
    for number, kind, emotion in kinds:
        sink.publish(event(number, emotion, kind))
    sink.close()


def test_the_state_is_that_of_the_board(served: Served) -> None:
    served.show(fps=14.5, latency_ms=31.0)
    state = served.ask("/api/v1/state").json
    assert (state["state"], state["emotion"], state["confidence"]) == ("live", "happiness", 0.84)
    assert (state["fps"], state["latency_ms"]) == (14.5, 31.0)
    (track,) = state["tracks"]
    assert track["box"] == [60, 40, 80, 80]
    assert track["probabilities"]["happiness"] == 0.84
    assert state["health"]["source"] == "ok"


def test_health_tells_every_part_in_words(served: Served) -> None:
    served.board.report("mqtt", "connection refused")
    served.show(state="stalled")
    health = served.ask("/api/v1/state").json["health"]
    assert health["mqtt"] == "connection refused"
    assert "sends no pictures" in health["source"]


def test_past_events_are_those_of_the_history(served: Served) -> None:
    assert served.ask("/api/v1/events").json == {"events": []}
    record((0, "started", "neutral"), (5, "changed", "fear"), (9, "ended", "fear"))
    told = served.ask("/api/v1/events?emotion=fear&since=1h").json["events"]
    assert [(one["id"], one["type"]) for one in told] == [("5", "changed"), ("9", "ended")]
    assert [one["id"] for one in served.ask("/api/v1/events?limit=1").json["events"]] == ["9"]


def test_shares_and_bars_come_from_the_history(served: Served) -> None:
    assert served.ask("/api/v1/history").json == {"by": "hour", "buckets": []}
    record((0, "started", "neutral"), (10, "changed", "fear"), (40, "ended", "fear"))
    buckets = served.ask("/api/v1/history?by=day&since=2d").json["buckets"]
    assert sum(bucket["seconds"].get("fear", 0) for bucket in buckets) == pytest.approx(30, abs=0.1)
    if len(buckets) == 1:  # two if it is just past midnight
        assert buckets[0]["share"] == pytest.approx({"neutral": 0.25, "fear": 0.75}, abs=0.01)
    bars = served.ask("/api/v1/timeline?since=5m").json["bars"]
    assert [bar["emotion"] for bar in bars] == ["neutral", "fear"]
    assert bars[0]["end"] == bars[1]["begin"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/api/v1/events?limit=0", "limit: "),
        ("/api/v1/events?limit=1&limit=2", "limit: given more than once"),
        ("/api/v1/events?since=yesterday", "'yesterday' is no time"),
        ("/api/v1/events?emotion=bliss", "emotion: "),
        ("/api/v1/events?colour=red", "colour: "),
        ("/api/v1/history?by=week", "by: "),
        ("/api/v1/timeline?since=", "'' is no time"),
        ("/api/v1/preview.jpg?blur=perhaps", "blur: "),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(served: Served, path: str, told: str) -> None:
    reply = served.ask(path)
    assert reply.status == 400
    assert told in reply.json["error"]


def test_secrets_are_masked_in_the_settings(folder: Path) -> None:
    settings = Settings(
        device="hall",
        source=SourceSettings(uri="rtsp://admin:s3cret@cam/1?token=t0ken"),
        mqtt=MqttSettings.model_validate({"username": "agent", "password": "pa55word"}),
        web=WebSettings.model_validate({"port": 0}),
    )
    served = Served(settings)
    try:
        reply = served.ask("/api/v1/settings")
    finally:
        served.sink.close()
    for secret in (b"s3cret", b"t0ken", b"pa55word"):
        assert secret not in reply.body
    told = {one["key"]: one for one in reply.json["settings"]}
    assert told["source.uri"]["value"] == "rtsp://cam/1"
    assert (told["mqtt.password"]["value"], told["mqtt.password"]["default"]) == ("***", None)
    assert told["web.port"] | {"about": ""} == {
        "key": "web.port", "value": 0, "default": 8765, "about": "",
    }  # fmt: skip
    assert told["emotion.dwell"]["about"].startswith("Seconds that a new emotion")


def test_switches_turn_and_the_agent_hears_of_it(served: Served) -> None:
    assert served.command("mute", {"on": True}).json == {"done": "the sound is off"}
    assert served.control.muted
    assert served.command("pause", {"on": True}).status == 200
    assert served.control.paused
    assert served.command("pause", {"on": False}).status == 200
    assert not served.control.paused


def test_a_cue_is_asked_for_where_there_is_sound(served: Served) -> None:
    assert served.command("cue", {"emotion": "fear"}).status == 409
    heard: list[str | None] = []
    served.control.on_cue(heard.append)
    assert served.command("cue", {"emotion": "fear"}).status == 200
    assert served.command("cue", {}).status == 200
    assert heard == ["fear", None]
    assert served.command("cue", {"emotion": "bliss"}).status == 400


def test_reloading_tells_what_is_wrong_with_the_settings(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert served.command("reload", {}).status == 200
    assert served.control.new_settings() is not None

    def broken() -> None:
        raise AgentError("agent.toml: unknown setting 'facs'\nand more")

    monkeypatch.setattr(served.control, "reload", broken)
    reply = served.command("reload", {})
    assert (reply.status, reply.json["error"]) == (
        400,
        "agent.toml: unknown setting 'facs'; and more",
    )


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"on": "maybe"}', b"[" * 2000, b"\xff"])
def test_a_body_that_is_no_switch_changes_nothing(served: Served, body: bytes) -> None:
    headers = {"X-Emotion-Agent": "1", "Content-Type": "application/json"}
    reply = served.ask("/api/v1/commands/mute", "POST", body, **headers)
    assert reply.status == 400
    assert not served.control.muted


def test_events_and_states_are_streamed_as_they_come(served: Served) -> None:
    served.show()
    stream = Stream(served)
    assert stream.reply.headers["Content-Type"] == "text/event-stream"
    assert stream.next("state")["emotion"] == "happiness"
    served.sink.publish(event(7, "fear"))
    assert stream.next("emotion")["id"] == "7"
    served.show(state="stalled", tracks=())
    while stream.next("state")["state"] != "stalled":
        pass
    stream.close()


def test_a_state_that_cannot_be_told_is_not_the_last(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stream = Stream(served)
    stream.next("state")
    with monkeypatch.context() as broken:
        broken.setattr("agent.feedback.web.report.temperatures", lambda: 1 / 0)
        until(lambda: "the state cannot be told" in caplog.text)
    served.show(state="stalled")
    while stream.next("state")["state"] != "stalled":
        pass
    stream.close()


def test_a_stream_ends_when_the_agent_does(served: Served) -> None:
    stream = Stream(served)
    stream.next("state")
    served.sink.close()
    with pytest.raises(EOFError):
        stream.next("never")
    stream.close()
    served.sink.publish(event())  # goes nowhere, and does not raise


def test_readiness_follows_the_source_and_health_the_loop(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (served.ask("/healthz").status, served.ask("/readyz").status) == (200, 503)
    served.show()
    assert (served.ask("/healthz").status, served.ask("/readyz").status) == (200, 200)
    served.show(state="stalled")
    assert (served.ask("/healthz").status, served.ask("/readyz").status) == (200, 503)
    monkeypatch.setattr("agent.feedback.web.api._HANGS", 0.0)
    assert served.ask("/healthz").status == 503


def test_metrics_count_what_happens(served: Served) -> None:
    served.show(frames=57, dropped=2, reopened=1)
    served.board.reconnects["mqtt"] += 3
    with served.board.stages.stage("detect"):
        pass
    served.sink.publish(event(emotion="fear"))
    served.sink.publish(event(emotion="fear"))
    told = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(served.ask("/metrics").body.decode())
        for sample in family.samples
    }
    one = "emotion_agent_"
    assert told[one + "frames_total",] == 57
    assert told[one + "frames_dropped_total",] == 2
    assert told[one + "reconnects_total", ("part", "source")] == 1
    assert told[one + "reconnects_total", ("part", "mqtt")] == 3
    assert told[one + "faces", ("emotion", "happiness")] == 1
    assert told[one + "faces", ("emotion", "fear")] == 0
    assert told[one + "events_total", ("emotion", "fear"), ("type", "changed")] == 2
    assert told[one + "stage_seconds_count", ("stage", "detect")] == 1
    assert told[one + "preview_pictures_total",] == 0
    assert told["process_resident_memory_bytes",] > 1e6


def test_metrics_tell_which_model_server_reads(served: Served) -> None:
    away = ServerReading("http://one", ready=False, answered=40, late=3, losses=2)
    served.board.remote = lambda: RemoteReading(41, 5, (away,))
    told = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(served.ask("/metrics").body.decode())
        for sample in family.samples
    }
    one = "emotion_agent_"
    assert told[one + "frames_read_total", ("by", "server")] == 41
    assert told[one + "frames_read_total", ("by", "local model")] == 5
    assert told[one + "model_server_up", ("server", "http://one")] == 0
    assert told[one + "model_server_losses_total", ("server", "http://one")] == 2
    assert told[one + "model_server_late_total", ("server", "http://one")] == 3


def test_sinks_are_counted_and_the_queue_is_seen(served: Served) -> None:
    sink = HistorySink(HistorySettings(), "hall")
    served.sinks.append(sink)
    sink.publish(event())
    until(lambda: sink.delivered == 1)
    text = served.ask("/metrics").body.decode()
    sink.close()
    assert 'emotion_agent_sink_delivered_total{sink="history"} 1.0' in text
    assert 'emotion_agent_sink_waiting{sink="history"} 0.0' in text


def test_the_usual_port_is_given_up_and_one_that_was_set_is_not(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    usual = Settings(web=WebSettings.model_construct(port=served.port, _fields_set=set()))
    with caplog.at_level(logging.WARNING):
        assert open_page(usual, Control(), StatusBoard(), []) is None
    (line,) = caplog.messages
    assert line.startswith("going on without the page: web.port")
    chosen = Settings(web=WebSettings(port=served.port))
    with pytest.raises(AddressTakenError, match=rf"web\.port {served.port}"):
        open_page(chosen, Control(), StatusBoard(), [])


def test_the_document_names_every_address(served: Served) -> None:
    document = served.ask("/api/v1/openapi.json").json
    assert document["openapi"] == "3.1.0"
    paths = set(document["paths"])
    assert {"/api/v1/state", "/api/v1/commands/mute", "/api/v1/history", "/readyz"} <= paths
    text = json.dumps(document)
    for name in document["components"]["schemas"]:
        assert f"#/components/schemas/{name}" in text
    for address in paths:
        assert served.ask(address, "OPTIONS").status in (403, 405)


def test_a_page_without_sinks_needs_no_history() -> None:
    sink = WebSink(Settings(web=WebSettings(port=0)), Control(), StatusBoard(), [])
    sink.close()
    sink.close()
