"""Pictures of known expressions: what is counted as right, and the agent on two of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.faces import Reads, as_markdown, difference, main, recalls, right

DemoFile = Callable[[str], Path]

SHOWN = {Path(f"{i}.png"): emotion for i, emotion in enumerate(["fear"] * 2 + ["anger"] * 4)}


def test_a_lost_face_is_wrong() -> None:
    reads = dict(
        zip(map(str, SHOWN), ["fear", None, "anger", "fear", "anger", "anger"], strict=True)
    )
    assert right(SHOWN, reads).tolist() == [True, False, True, False, True, True]
    assert recalls(SHOWN, reads) == {"anger": 0.75, "fear": 0.5}


def test_a_difference_is_paired() -> None:
    ours = np.array([True] * 60 + [False] * 40)
    gap, low, high = difference(ours, ours)
    assert (gap, low, high) == (0.0, 0.0, 0.0)
    worse = ours.copy()
    worse[:20] = False
    gap, low, high = difference(ours, worse)
    assert gap == pytest.approx(0.2)
    # The binomial interval of 20 in 100 by the normal approximation is 12.2 to 27.8.
    assert low == pytest.approx(0.122, abs=0.015)
    assert high == pytest.approx(0.278, abs=0.015)
    assert difference(worse, ours)[0] == pytest.approx(-0.2)


def test_few_pictures_get_no_interval() -> None:
    names = [str(path) for path in SHOWN]
    reads: dict[str, Reads] = {
        "agent": dict.fromkeys(names, "anger"),
        "other": dict.fromkeys(names),
    }
    page = as_markdown(SHOWN, {"agent": "A", "other": "B"}, reads, {})
    assert "6 pictures; 2 of 8 emotions have any." in page
    assert "| A | 66.7 | 50.0 | 0 | - |" in page
    assert "| B | 0.0 | 0.0 | 6 | too few pictures |" in page


def test_the_agent_reads_two_portraits(
    demo_file: DemoFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for emotion, name in (("happiness", "astronaut.png"), ("neutral", "grace_hopper.jpg")):
        (tmp_path / emotion).mkdir()
        shutil.copy(demo_file(name), tmp_path / emotion)
    assert main(["--pictures", str(tmp_path), "--only", "agent"]) == 0
    assert "| emotion-agent | 100.0 | 100.0 | 0 | - |" in capsys.readouterr().out


def test_a_folder_without_emotions_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--pictures", str(tmp_path / "nowhere")]) == 2
    assert main(["--pictures", str(tmp_path)]) == 2
    (tmp_path / "joy").mkdir()
    assert main(["--pictures", str(tmp_path)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert "no such folder" in said[0]
    assert "no folder of pictures named neutral, happiness" in said[1]
    assert "joy is no emotion; there are neutral" in said[2]
