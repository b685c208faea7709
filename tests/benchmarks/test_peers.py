"""`make bench`: the table and what can go wrong before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.errors import AgentError
from benchmarks.peers import letterboxed, main
from benchmarks.tables import BEGIN, END, SHORT, Table, as_markdown, in_short, place, updated


def _row(milliseconds: float, **stages: float) -> dict[str, Any]:
    return {
        "title": f"takes {milliseconds}",
        "versions": {"thing": "1.2"},
        "frames": 200,
        "seconds": 1.0,
        "milliseconds": milliseconds,
        "stages": stages,
        "faces": {"1": 150, "2": 50},
        "emotions": {"neutral": 50, "happiness": 200},
        "peak_memory_mb": 99.6,
        "start_up": 2.0,
        "start_up_processor": 1.04,
        "ratio": {"median": milliseconds / 4, "low": 0.94, "high": 12.0},
    }


RESULT: dict[str, Any] = {
    "machine": {
        "processor": "Some CPU",
        "system": "Linux x86_64",
        "python": "3.11.7",
        "date": "2026-11-25",
        "core": 1,
        "load": 0.5,
        "load_after": 1.5,
        "film": "640x480",
        "rounds": 3,
    },
    "candidates": {
        "agent": _row(4.0, decode=0.5, detect=2.0, track=0.1),
        "fer": _row(40.0, detect=39.0),
        "openvino": {"title": "OpenVINO", "reason": "needs a file"},
    },
}


def test_the_table_names_the_machine_and_the_ratio() -> None:
    lines = as_markdown(RESULT).splitlines()
    assert lines[0].startswith("Some CPU, one core, Linux x86_64, Python 3.11.7, load 0.5 before")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:1] == "|"]
    assert len({len(row) for row in rows}) == 1
    head, _, agent, fer = rows
    assert head[1:6] == ["frames/s", "ms a frame", "decode", "detect", "track"]
    assert agent[:6] == ["takes 4.0", "250", "4.00", "0.50", "2.00", "0.10"]
    assert agent[6:] == ["100", "1.0 (2.0)", "75 % of 200", "1.00 (0.94 to 12.00)"]
    assert fer[3:6] == ["-", "39.00", "-"]
    assert fer[-1] == "10.00 (0.94 to 12.00)"


def test_the_short_table_has_the_machine_and_what_ran() -> None:
    lines = in_short(RESULT).splitlines()
    assert lines[0].startswith("Some CPU, one core, Linux x86_64, Python 3.11.7, load 0.5 before")
    assert lines[-2:] == [
        "| takes 4.0 | 250 | 100 | 2.0 | 1.0 (0.9 to 12.0) |",
        "| takes 40.0 | 25 | 100 | 2.0 | 10.0 (0.9 to 12.0) |",
    ]


def test_below_the_table_are_versions_and_reasons() -> None:
    lines = as_markdown(RESULT).splitlines()
    assert "- takes 40.0: thing 1.2; read happiness 80 %, neutral 20 %" in lines
    assert lines[-1] == "- OpenVINO: not measured, needs a file"


@pytest.mark.parametrize(("mark", "table"), [(BEGIN, as_markdown), (SHORT, in_short)])
def test_a_page_keeps_all_but_the_table_that_its_mark_asks_for(mark: str, table: Table) -> None:
    page = f"before\n{mark}\nold\n{END}\nafter\n"
    once = updated(page, RESULT)
    assert once == f"before\n{mark}\n\n{table(RESULT)}\n\n{END}\nafter\n"
    assert updated(once, RESULT) == once
    with pytest.raises(AgentError, match="no lines"):
        updated("a page without marks", RESULT)


def test_pictures_are_fitted_without_distortion() -> None:
    wide = letterboxed(np.full((360, 640, 3), 255, np.uint8))
    assert wide.shape == (480, 640, 3)
    assert (wide[60:420] == 255).all()
    assert not wide[:60].any()
    high = letterboxed(np.full((960, 480, 3), 255, np.uint8))
    assert high[:, 200:440].all()
    assert not high[:, :200].any()


def test_a_wrong_argument_is_refused_before_anything_is_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--only", "fur"]) == 2
    assert "no candidate 'fur'; there are agent, " in capsys.readouterr().err
    assert main(["--update", "/nonexistent.md"]) == 2
    assert "/nonexistent.md: cannot be updated" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "table"), [("docs/benchmarks.md", as_markdown), ("README.md", in_short)]
)
def test_the_documented_pages_have_the_marks(project: Path, name: str, table: Table) -> None:
    assert place((project / name).read_text())[1] is table
