"""`emotion-agent doctor`: each part well and each part broken, with what to do."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.board import readings
from agent.cli import main
from agent.doctor.machine import look_at_temperature
from agent.feedback.history import history_file
from tests.brokers.mosquitto import USERS, Mosquitto

DemoFile = Callable[[str], Path]


@pytest.fixture(autouse=True)
def quiet_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    yield
    logging.getLogger("agent").setLevel(logging.NOTSET)


@pytest.fixture
def portrait(demo_file: DemoFile) -> str:
    return str(demo_file("astronaut.png"))


def look(
    capsys: pytest.CaptureFixture[str], source: str, *settings: str
) -> tuple[int, dict[str, Any]]:
    """The exit status and the findings by part: of several models the first that ails, if any."""
    given = ["device=hall", *settings]
    status = main(
        ["doctor", "--json", "--source", source, *(w for s in given for w in ("--set", s))]
    )
    findings = json.loads(capsys.readouterr().out)
    findings.sort(key=lambda found: found["level"] == "ok")
    return status, {found["part"]: found for found in reversed(findings)}


def test_where_all_is_well_every_line_is_ok(
    capsys: pytest.CaptureFixture[str], portrait: str
) -> None:
    status, found = look(capsys, portrait)
    assert status == 0
    for part in ("settings", "camera", "detector", "model", "runtime", "history", "disk"):
        assert (found[part]["level"], found[part]["advice"]) == ("ok", None), found[part]
    assert "512 x 512 pixels" in found["camera"]["words"]
    assert "fer-compact@" in found["model"]["words"]
    assert "CPU (LiteRT)" in found["runtime"]["words"]
    assert found["audio"]["words"].startswith("off")
    assert found["broker"]["words"].startswith("off")


def test_as_text_it_is_one_line_a_part(capsys: pytest.CaptureFixture[str], portrait: str) -> None:
    assert main(["doctor", "--source", portrait]) == 0
    output = capsys.readouterr()
    assert all(line.startswith(("ok ", "warning ")) for line in output.out.splitlines())
    assert not output.err


@pytest.mark.parametrize(
    ("setting", "part", "words", "advice"),
    [
        ("faces.min_sice=3", "settings", "did you mean 'faces.min_size'", "check"),
        ("source.uri=/dev/video99", "camera", "no such device", "plug the camera in"),
        ("source.uri=none.mp4", "camera", "none.mp4", "source.uri"),
        ("runtime.model=huge", "runtime", "known are fer-compact", "[runtime]"),
        ("mqtt.host=127.0.0.1 mqtt.port=1", "broker", "nothing listens", "broker"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(
    capsys: pytest.CaptureFixture[str], setting: str, part: str, words: str, advice: str
) -> None:
    source = setting.partition("source.uri=")[2] or "demo"
    status, found = look(capsys, source, *setting.split())
    assert status == 1
    assert found[part]["level"] == "failed"
    assert words in found[part]["words"]
    assert advice in found[part]["advice"]


def test_a_sound_card_that_is_not_there_is_a_warning(
    capsys: pytest.CaptureFixture[str], portrait: str
) -> None:
    status, found = look(capsys, portrait, "audio.enabled=true", "audio.device=no such card")
    assert (status, found["audio"]["level"]) == (0, "warning")
    assert "sounds devices" in found["audio"]["advice"]


def test_weights_that_are_missing_come_with_the_command_that_fetches_them(
    capsys: pytest.CaptureFixture[str],
    portrait: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    status, found = look(capsys, portrait)
    assert status == 1
    assert found["detector"]["level"] == "failed"
    assert "emotion-agent models pull detectors" in found["detector"]["advice"]


def test_a_model_file_that_was_changed_is_found(
    capsys: pytest.CaptureFixture[str],
    portrait: str,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(project / "models" / "fer-compact", tmp_path / "models" / "fer-compact")
    with (tmp_path / "models" / "fer-compact" / "model-int8.tflite").open("r+b") as file:
        file.seek(5000)
        file.write(b"\0\1\2\3")
    monkeypatch.setenv("EMOTION_AGENT_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("EMOTION_AGENT__RUNTIME__KIND", "tflite")  # `auto` would take another's file
    status, found = look(capsys, portrait)
    assert status == 1
    assert "SHA-256" in found["model"]["words"]
    assert "SHA-256" in found["runtime"]["words"]


def test_a_camera_that_never_answers_costs_only_its_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/cam"
        status, found = look(capsys, address, "source.open_timeout=0.5", "source.read_timeout=0.5")
    assert status == 1
    assert found["camera"]["level"] == "failed"


def test_a_damaged_history_is_a_warning(capsys: pytest.CaptureFixture[str], portrait: str) -> None:
    history_file("hall").write_bytes(os.urandom(20_000))
    status, found = look(capsys, portrait)
    assert status == 0
    assert found["history"]["level"] == "warning"
    assert "moves it aside" in found["history"]["advice"]


def test_a_real_broker_lets_the_doctor_in_or_not(
    capsys: pytest.CaptureFixture[str], portrait: str, tmp_path: Path
) -> None:
    with Mosquitto(tmp_path) as broker:
        place = ["mqtt.host=127.0.0.1", f"mqtt.port={broker.plain}", "mqtt.username=agent"]
        status, found = look(capsys, portrait, *place, f"mqtt.password={USERS['agent']}")
        assert (status, found["broker"]["level"]) == (0, "ok")
        status, found = look(capsys, portrait, *place, "mqtt.password=wrong")
        assert (status, found["broker"]["level"]) == (1, "failed")
        assert "wrong" not in found["broker"]["words"]


def test_a_hot_board_is_a_warning(tmp_path: Path) -> None:
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text("81000")
    (zone / "type").write_text("cpu")
    warm, slow = look_at_temperature(tmp_path)
    assert (warm.level, warm.words) == ("warning", "81 °C (cpu), limit 85 °C")
    assert slow.level == "ok"
    assert readings.board_name(tmp_path) is None
