"""`emotion-agent sounds`, as a person uses it."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from agent.cli import main
from agent.emotion.labels import EMOTIONS
from agent.feedback.audio import process
from agent.feedback.audio.earcons import earcon
from agent.feedback.audio.samples import as_pcm
from tests.sound_card import Card


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the sound card `card` plays."""
    card = Card(tmp_path)
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(card.configuration))
    return card.recording


def test_play_plays_the_sounds_that_are_named_in_turn(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sounds", "play", "happiness", "fear", "--set", "audio.volume=1"]) == 0
    assert capsys.readouterr().out.split() == ["happiness", "fear"]
    heard = recording.read_bytes()
    first, second = as_pcm(earcon("happiness")), as_pcm(earcon("fear"))
    assert 0 <= heard.find(first) < heard.find(second)


def test_play_without_a_name_plays_all(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sounds", "play", "--set", "audio.volume=1"]) == 0
    assert capsys.readouterr().out.split() == list(EMOTIONS)
    heard = recording.read_bytes()
    assert all(as_pcm(earcon(emotion)) in heard for emotion in EMOTIONS)


def test_export_writes_the_samples_that_are_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a" / "b"
    assert main(["sounds", "export", str(folder), "--set", "audio.volume=0.25"]) == 0
    written = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(written) == sorted(folder / f"{emotion}.wav" for emotion in EMOTIONS)
    with wave.open(str(folder / "fear.wav")) as file:
        assert file.getparams()[:3] == (1, 2, 48_000)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert samples.tobytes() == as_pcm(earcon("fear"), 0.25)


def test_devices_lists_the_names(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sounds", "devices"]) == 0
    assert capsys.readouterr().out.splitlines() == ["card", "default"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["play", "joy"], "there is no sound for 'joy'; those are neutral, happiness"),
        (["play", "--set", "audio.device=Subwoofer"], "no such device (there: card, default)"),
        (["play", "--set", "audio.files.fear=/none.wav"], "audio.files.fear: /none.wav: No such"),
        (["export", "/dev/null/sounds"], "/dev/null/sounds/neutral.wav: Not a directory"),
        (["export", "x", "--set", "audio.volum=1"], "did you mean 'audio.volume'"),
    ],
)
def test_mistakes_are_told_in_a_line(
    arguments: list[str], problem: str, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sounds", *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("emotion-agent: error: ")
    assert problem in line


def test_without_pyaudio_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyaudio.py").write_text("raise ImportError('libportaudio.so.2: not found')")
    monkeypatch.syspath_prepend(tmp_path)
    for action in (["play", "fear"], ["devices"]):
        assert main(["sounds", *action]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "scripts/setup-system audio" in line
        assert "emotion-agent[audio]" in line


def test_devices_that_do_not_answer_are_not_told_as_none(
    recording: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_PATIENCE", 0.0)  # as a sound server that hangs
    assert main(["sounds", "devices"]) == 1
    told = capsys.readouterr()
    assert (told.out, told.err) == (
        "",
        "emotion-agent: error: sound: the devices do not answer; does a sound server hang?\n",
    )
