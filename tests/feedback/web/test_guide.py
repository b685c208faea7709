"""`docs/web.md` and the dashboard held against what the agent serves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.feedback.history import HistorySink
from agent.settings import HistorySettings
from tests.feedback.web.page_server import Served, event, serving


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    with serving() as served:
        served.show()
        served.sinks.append(HistorySink(HistorySettings(), "hall"))
        with served.board.stages.stage("detect"):
            pass
        served.sink.publish(event())
        yield served
        served.sinks[0].close()


def metrics(served: Served) -> set[str]:
    text = served.ask("/metrics").body.decode()
    return set(re.findall(r"^(?:emotion_agent|process)_\w+", text, re.MULTILINE))


def test_the_dashboard_asks_for_metrics_that_exist(served: Served, project: Path) -> None:
    dashboard = (project / "docs" / "grafana-dashboard.json").read_text()
    asked = set(re.findall(r"(?:emotion_agent|process)_\w+", dashboard))
    # Temperature is told by boards alone.
    assert asked - metrics(served) <= {"emotion_agent_temperature_celsius"}
    assert len(asked) > 8


def test_the_guide_names_every_metric_and_every_address(served: Served, project: Path) -> None:
    guide = (project / "docs" / "web.md").read_text()
    told = metrics(served)
    own = {name.removeprefix("emotion_agent_") for name in told if name.startswith("emotion")}
    for name in own:
        base = re.sub("_(bucket|count|sum)$", "", name)
        assert f"`{base}`" in guide, base
    document = served.ask("/api/v1/openapi.json").json
    for path in document["paths"]:
        if not path.endswith(("login", "logout")):
            assert path.rpartition("/")[2] in guide, path
