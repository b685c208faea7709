"""`emotion-agent check` and `emotion-agent settings`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agent.cli import main
from agent.commands.settings import default_file
from agent.layers import KEYS, load
from agent.settings import Settings
from tests.commands.wrong_settings import WRONG, Told


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agent.toml"


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_every_mistake_is_told_with_its_line_and_nothing_else(
    text: str, expected: Told, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(text.encode(errors="surrogateescape"))
    assert main(["check", str(file)]) == 1
    output = capsys.readouterr()
    lines = output.err.splitlines()
    assert len(lines) == len(expected), output.err
    for number, words in expected:
        place = f"{file}:{number}: " if number else "emotion-agent: error: "
        assert any(place in line and words in line for line in lines), (place, words, output.err)
    assert "hush" not in output.err
    assert not output.out


def test_there_are_forty_kinds_of_mistakes() -> None:
    assert len(WRONG) >= 40


def test_a_missing_file_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file)]) == 1
    assert capsys.readouterr().err == f"emotion-agent: error: {file}: No such file or directory\n"


def test_a_folder_is_no_settings_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path)]) == 1
    assert "Is a directory" in capsys.readouterr().err


def test_each_setting_tells_where_it_comes_from(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('[faces]\n\ndetector = "haar"\nmin_size = 30\n')
    monkeypatch.setenv("EMOTION_AGENT__FACES__MIN_SIZE", "40")
    assert main(["settings", "--config", str(file), "--set", "source.loop=no"]) == 0
    rows = {
        line.partition(" = ")[0]: re.split(r" +# ", line.partition(" = ")[2])
        for line in capsys.readouterr().out.splitlines()
    }
    assert rows.keys() == KEYS
    assert rows["faces.detector"] == ["'haar'", f"{file}:3"]
    assert rows["faces.min_size"] == ["40", "environment"]
    assert rows["source.loop"] == ["False", "command line"]
    assert rows["faces.detect_every"] == ["'auto'", "default"]


def test_json_gives_values_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "--json", "--set", "source.fps=12.5"]) == 0
    rows = {row["key"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["source.fps"] == {"key": "source.fps", "value": 12.5, "origin": "command line"}
    assert rows["mqtt.host"]["value"] is None
    assert rows["audio.emotions"]["value"][0] == "happiness"


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_secrets_are_not_shown(form: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    secret = ["mqtt.password=hush", "mqtt.username=me", "source.uri=rtsp://me:hu/s@h@camera/1"]
    assert main(["settings", *form, *(word for s in secret for word in ("--set", s))]) == 0
    output = capsys.readouterr().out
    assert "***" in output
    assert "rtsp://***@camera/1" in output
    assert "hush" not in output
    assert "hu/s" not in output


def test_the_default_file_is_valid_and_changes_nothing(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["settings", "--default"]) == 0
    text = capsys.readouterr().out
    file.write_text(text)
    assert load(file, environment={}) == Settings()
    file.write_text(re.sub(r"^#(\w+ = )", r"\1", text, flags=re.MULTILINE))
    assert load(file, environment={}) == Settings()
    assert main(["check", str(file)]) == 0


def test_the_default_file_has_every_setting_under_its_section() -> None:
    found, section = set(), ""
    for line in default_file().splitlines():
        if line.startswith("["):
            section = line.strip("[]") + "."
        elif match := re.match(r"#(\w+) =", line):
            found.add(section + match[1])
    assert found == KEYS
