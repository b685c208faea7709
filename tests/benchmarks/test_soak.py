"""The soak in short: faults are made, noticed and recovered from, and what is counted is real."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.soak import __main__ as command
from benchmarks.soak.events import Events
from benchmarks.soak.faults import KINDS, Outcome, schedule
from benchmarks.soak.process import Held
from benchmarks.soak.verdict import Sample, judge, slope

EVENTS = Events(9, 9, 9, 0, 1, 9, 7)
WELL = Outcome("reload", 10.0, 2.0, noticed=True, recovery=1.0)
HELD = Held(memory=100.0, threads=12, handles=24, files=5)


def failed(
    samples: list[Sample], end: Held = HELD, outcome: Outcome = WELL, events: Events = EVENTS
) -> list[str]:
    return [line.what for line in judge(samples, end, [outcome], events, 0) if not line.passed]


def an_hour(growth: float) -> list[Sample]:
    """Memory that grows by so many MB an hour, with a jump to and fro every fifty seconds."""
    return [
        Sample(float(t), HELD._replace(memory=100 + growth * t / 3600 + 10 * (t % 50 < 4)))
        for t in range(3600)
    ]


def test_a_short_soak_passes_and_keeps_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "soak.json"
    arguments = ["--minutes", "0.25", "--fault-every", "5", "--seed", "1", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["soak", *arguments])
    status = command.main()
    shown = capfd.readouterr()
    assert status == 0, shown
    found = json.loads(out.read_text())
    assert [fault["kind"] for fault in found["faults"]][:2] == ["broker loss", "reload"]
    assert found["events"]["decided"] == found["events"]["received"] > 0
    assert found["events"]["decided"] == found["events"]["stored"]
    assert "passed" in shown.out


def test_every_kind_comes_once_before_any_comes_again_and_the_seed_decides_the_order() -> None:
    def first(count: int, seed: int) -> list[str]:
        faults = schedule(KINDS, seed)
        return [next(faults)[0].name for _ in range(count)]

    kinds = sorted(kind.name for kind in KINDS)
    assert sorted(first(6, 1)) == sorted(first(12, 1)[6:]) == kinds
    assert first(12, 1) == first(12, 1) != first(12, 2)


def test_a_slope_of_memory_is_found_behind_jumps_and_judged_by_the_hour() -> None:
    assert failed(an_hour(0.5)) == []
    assert failed(an_hour(1.5)) == ["memory slope"]
    half = [s for s in an_hour(1.5) if s.at < 1800]  # grows by less than a MB in all
    assert failed(half) == []
    assert slope([0.0, 1.0, 2.0], [3.0, 3.0, 3.0]) == 0


@pytest.mark.parametrize(
    ("end", "outcome", "events", "what"),
    [
        (HELD._replace(threads=15), WELL, EVENTS, "threads"),
        (HELD._replace(handles=33), WELL, EVENTS, "handles"),
        (HELD._replace(files=10), WELL, EVENTS, "state files"),
        (HELD, Outcome("reload", 1.0, 2.0, True, None), EVENTS, "faults not recovered"),
        (HELD, Outcome("reload", 1.0, 2.0, False, 1.0), EVENTS, "faults not noticed"),
        (HELD, WELL, Events(9, 9, 8, 0, 0, 9, 9), "events lost"),
        (HELD, WELL, Events(10, 9, 9, 0, 0, 9, 9), "events lost"),
    ],
)
def test_what_is_left_or_lost_fails_the_soak(
    end: Held, outcome: Outcome, events: Events, what: str
) -> None:
    assert failed([Sample(0.0, HELD)], end, outcome, events) == [what]
