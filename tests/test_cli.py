"""The command line: usage, settings from flags, and every mistake told in a line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.cli import main
from agent.service import Summary
from tests.patience import PATIENCE

DemoFile = Callable[[str], Path]


def failing(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(list(arguments)) == 1
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert all(line.startswith("emotion-agent: ") for line in lines)
    return [line for line in lines if line.startswith("emotion-agent: error: ")]


def test_every_wrong_setting_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = failing(
        capsys, "run", "--detector", "yunt", "--set", "faces.min_sice=3", "--set", "source.fps=x"
    )
    assert len(lines) == 3
    assert any("did you mean 'faces.min_size'" in line for line in lines)


def test_a_missing_settings_file_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (line,) = failing(capsys, "run", "--config", str(tmp_path / "none.toml"))
    assert "none.toml: No such file" in line


def test_a_settings_file_without_a_source_is_told_that_the_demo_plays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("agent.service.run", lambda *_: Summary())
    file = tmp_path / "agent.toml"
    file.write_text("[faces]\nmin_hits = 2\n")
    assert main(["run", "--config", str(file)]) == 0
    assert f"{file} sets no source.uri: the demo plays" in caplog.text
    caplog.clear()
    assert main(["run", "--config", str(file), "--source", "demo"]) == 0
    assert caplog.text == ""


def test_a_missing_source_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (line,) = failing(capsys, "run", "--source", str(tmp_path / "none.mp4"))
    assert "none.mp4" in line


def test_an_unknown_model_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = failing(capsys, "classify", "--model", "fer-huge", "x.png")
    assert "fer-huge" in line
    assert "fer-compact" in line


def test_yunet_without_its_file_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EMOTION_AGENT_DATA", str(tmp_path))
    (line,) = failing(
        capsys, "run", "--detector", "yunet", "--set", f"faces.yunet_model={tmp_path}/no.onnx"
    )
    assert "no.onnx" in line


def test_check_tells_a_good_file_from_a_bad_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('device = "hall"\n[source]\nuri = "/dev/video0"\n')
    assert main(["check", str(file)]) == 0
    assert "fine" in capsys.readouterr().out
    file.write_text('[source]\nurl = "demo"\n')
    (line,) = failing(capsys, "check", str(file))
    assert "did you mean 'source.uri'" in line


def test_without_a_command_the_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([])
    assert left.value.code == 2
    assert "usage: emotion-agent" in capsys.readouterr().err


def test_models_that_are_here_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    assert "fer-compact" in capsys.readouterr().out


def test_the_bench_measures_every_stage(demo_file: DemoFile) -> None:
    # A process of its own: the bench keeps its process on one core.
    command = [sys.executable, "-m", "agent.cli", "bench", "--json", "--frames", "40"]
    done = subprocess.run(
        [*command, "--source", str(demo_file("single_face.mp4"))],
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout)
    assert result["frames"] == 30
    assert result["frames_per_second"] > 0
    assert result["peak_memory_mb"] > 10
    assert list(result["milliseconds"]) == [
        "decode",
        "detect",
        "track",
        "crop",
        "classify",
        "decide",
    ]
    assert all(row["calls"] > 0 and row["median"] > 0 for row in result["milliseconds"].values())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_demo_with_a_summary(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.cli", "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()  # the demo runs on until an event has come
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE)
    assert "face 1: " in first
    assert process.returncode == 0
    assert "frames in" in errors
    assert "dropped" in errors
    assert "Traceback" not in errors


def test_a_reader_that_goes_away_does_not_stop_the_agent(demo_file: DemoFile) -> None:
    film = demo_file("single_face.mp4")
    command = [sys.executable, "-m", "agent.cli", "run", "--source", str(film), "--until-end"]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*command, "--pace", "none", "--events", "-"],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert "standard output takes no more events" in done.stderr
    assert "Traceback" not in done.stderr
