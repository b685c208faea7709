"""The API, asked by its own document whatever that allows, and more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Err
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from agent.feedback.history import HistorySink
from agent.settings import HistorySettings
from tests.feedback.web.page_server import Served, event, serving

ENDLESS = ("/api/v1/events/stream", "/api/v1/preview.mjpg")
EXAMPLES = 25  # for each operation, right and wrong ones


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr("agent.feedback.web.access._BURST", 1_000_000)  # nothing is held back
    monkeypatch.setattr("agent.feedback.web.api._HANGS", 3600.0)  # no vision loop shows anything
    sink = HistorySink(HistorySettings(), "hall")
    for number, kind in enumerate(("started", "changed", "ended")):
        sink.publish(event(number, kind=kind))
    sink.close()
    with serving() as served:
        served.show()
        served.look()
        served.control.on_cue(lambda _: None)
        yield served


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_nothing_that_is_asked_breaks_it(served: Served, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{served.sink.address}api/v1/openapi.json")
    fuzzed = []
    for found in schema.get_all_operations():
        assert not isinstance(found, Err), found
        operation = found.ok()
        nothing_to_get_wrong = not (operation.query or operation.body)
        if operation.path in ENDLESS or (mode is GenerationMode.NEGATIVE and nothing_to_get_wrong):
            continue
        fuzzed.append(operation.path)

        @hypothesis.settings(
            max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(
                checks=[
                    not_a_server_error,
                    status_code_conformance,
                    content_type_conformance,
                    response_schema_conformance,
                ]
            )

        ask()
    assert len(fuzzed) >= 8
    assert served.ask("/api/v1/state").status == 200
