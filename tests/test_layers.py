"""Settings: layers, and every problem told at once with the nearest known key."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.layers import KEYS, SettingsError, load, parse_override
from agent.setting_words import words
from agent.settings import CommandSettings, HistorySettings, Settings


def problems(**layers: object) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(**{"environment": {}, **layers})  # type: ignore[arg-type]  # any layer may be given
    return caught.value.problems


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("")
    assert load(file, environment={}) == Settings()


def test_later_layers_win(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('[faces]\ndetector = "yunet"\nmin_size = 30\ndetect_every = 2\n')
    environment = {"EMOTION_AGENT__FACES__MIN_SIZE": "40", "EMOTION_AGENT__FACES__DETECTOR": "haar"}
    settings = load(file, {"faces.detector": "blazeface"}, environment)
    assert (settings.faces.detector, settings.faces.min_size) == ("blazeface", 40)
    assert settings.faces.detect_every == 2


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('[faces]\ndetector = "yunt"\nmin_sice = 3\n')
    told = problems(
        file=file,
        overrides={"runtime.threads": "0"},
        environment={"EMOTION_AGENT__SOURCE__LOOP": "maybe"},
    )
    assert len(told) == 4
    assert any(str(file) in line and "did you mean 'faces.min_size'" in line for line in told)
    assert any("'faces.detector' is 'yunt'" in line and "blazeface" in line for line in told)
    assert any(line.startswith("command line: 'runtime.threads'") for line in told)
    assert any(line.startswith("environment: 'source.loop'") for line in told)


def test_what_would_do_instead_is_told_as_such() -> None:
    (line,) = problems(overrides={"faces.detect_every": "99"})
    assert line.endswith("should be 'auto', or it should be less than or equal to 30")


def test_a_section_given_as_a_value_is_a_problem() -> None:
    assert problems(overrides={"source": "demo"}) == [
        "command line: unknown setting 'source'; did you mean 'source.uri'?"
    ]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"[faces\n", "not valid TOML"),
        (b"\xff\xfe", "not valid TOML"),
        (b"x = " + 1000 * b"[" + 1000 * b"]", "nested too deeply"),
        (1000 * b"a." + b"a = 1", "nested too deeply"),
    ],
)
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes, part: str) -> None:
    file = tmp_path / "agent.toml"
    file.write_bytes(content)
    (line,) = problems(file=file)
    assert str(file) in line
    assert part in line


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (line,) = problems(file=tmp_path / "none.toml")
    assert "none.toml: No such file" in line


def test_override_without_equals_sign_says_what_is_expected() -> None:
    with pytest.raises(SettingsError, match="expected KEY=VALUE"):
        parse_override("faces.detector")


def test_every_setting_is_documented_or_named_for_itself() -> None:
    assert "faces.detector" in KEYS
    for name, section in Settings.model_fields.items():
        assert words(Settings, name) or section.annotation.__doc__, name


def test_the_words_below_a_setting_are_found_also_where_it_is_inherited() -> None:
    assert words(HistorySettings, "enabled") == "Keep every event in the device's state folder."
    assert words(CommandSettings, "emotions").startswith("Which emotions, and whether `unknown`")
    assert words(HistorySettings, "no_such_field") == ""


def test_an_unknown_section_is_a_problem_even_where_it_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("[evnets]\n[faces]\n")
    (line,) = problems(file=file)
    assert "unknown setting 'evnets'" in line


@pytest.mark.parametrize("key", ["source.uri", "events.file", "mqtt.host", "runtime.model"])
@pytest.mark.parametrize("value", ["", "a\0b"])
def test_text_is_neither_empty_nor_holds_a_null_character(key: str, value: str) -> None:
    (line,) = problems(overrides={key: value})
    assert f"'{key}'" in line


def test_a_discovery_prefix_with_a_wildcard_is_refused() -> None:
    (line,) = problems(overrides={"mqtt.discovery_prefix": "home/#"})
    assert "mqtt.discovery_prefix" in line
