"""What the page is told of parts that can fail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.feedback.history import HistorySink
from agent.feedback.lines import TerminalSink
from agent.feedback.web.report import temperatures
from agent.settings import HistorySettings
from tests.feedback.web.page_server import event, serving, until


def test_temperatures_are_those_of_the_zones_that_can_be_read(tmp_path: Path) -> None:
    for number, (name, text) in enumerate([("CPU-therm", "43500\n"), ("GPU-therm", "rubbish")]):
        zone = tmp_path / f"thermal_zone{number}"
        zone.mkdir()
        (zone / "type").write_text(f"{name}\n")
        (zone / "temp").write_text(text)
    (tmp_path / "thermal_zone7").mkdir()
    assert temperatures(tmp_path) == {"thermal_zone0 CPU-therm": 43.5}
    assert temperatures(tmp_path / "nowhere") == {}


def test_a_sink_that_fails_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "file" / "state"))
    full = os.open("/dev/full", os.O_WRONLY)
    broken = TerminalSink(full)
    os.close(full)
    history = HistorySink(HistorySettings(), "hall")
    with serving() as served:
        served.sinks.extend([broken, history])
        served.show()
        for sink in served.sinks:
            sink.publish(event())
        until(lambda: broken.health != "ok" and history.lost == 1)
        health = served.ask("/api/v1/state").json["health"]
        for sink in served.sinks:
            sink.close()
    assert health["terminal"] == "takes no more events"
    assert health["history"] == "not written, 1 events lost"


def test_what_lags_is_told() -> None:
    reader, writer = os.pipe()
    sink = TerminalSink(writer)
    for number in range(3000):  # more than a pipe holds that nobody reads
        sink.publish(event(number))
    until(lambda: sink.waiting > 10)
    assert sink.health.endswith("events wait")
    os.close(reader)
    os.close(writer)
    sink.close()
