"""Devices that fail, hang, vanish and come back: the agent says so once and plays again."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from agent.feedback.audio import player
from agent.feedback.audio.output import PCM_VARIABLE
from agent.feedback.audio.player import PROBE, Cue, Player
from agent.feedback.audio.process import Answer, OutputProcess, Sounds
from tests.patience import PATIENCE
from tests.sound_card import SOUNDS, Card, event, own_sound, play, playing, settled, until, warnings


@pytest.fixture
def hanging_card(card: Card, tmp_path: Path) -> None:
    """A device that takes a program in and never answers: a pipe that nobody reads."""
    os.mkfifo(tmp_path / "nobody-reads")
    card.connect(str(tmp_path / "nobody-reads"))


def impatient_player() -> tuple[Player, Sounds]:
    sounds = Sounds({PROBE: bytes(4800), "fear": SOUNDS["fear"]})
    return Player(None, sounds, patience=1.0), sounds


def failing_then_back(
    card: Card, fail: Callable[[], None], caplog: pytest.LogCaptureFixture, **settings: Any
) -> list[str]:
    """Plays, fails in the middle, plays again; returns what the health of the device was."""
    caplog.set_level(logging.INFO, "agent.feedback.audio")
    health: list[str] = []
    with playing(health=health.append, **settings) as sink:
        play(sink, event("fear"))
        fail()
        for _ in range(3):
            play(sink, event("happiness"), event("anger"))
        assert sink.player.played == 1
        assert sink.player.dropped == 6
        until(lambda: len(health) > 3)  # it has tried again, in vain
        card.connect(f"|cat >> {card.recording}")
        until(lambda: "device is back" in caplog.text)
        play(sink, event("sadness"))
    assert card.heard[0] == "fear"
    assert card.heard[-1] == "sadness"
    assert len(warnings(caplog)) == 1
    assert health[0] == health[-1] == "ok"
    return health


def test_a_full_device_is_told_once_and_played_again_when_it_is_back(
    card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    failing_then_back(card, lambda: card.connect("/dev/full"), caplog)
    (warning,) = warnings(caplog)
    assert warning == (
        "the default sound device: the device refuses sound; going on without sound "
        "until it is back"
    )


def test_a_pipe_that_dies_in_the_middle_of_a_cue(
    card: Card, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO, "agent.feedback.audio")
    with playing(files=own_sound(tmp_path / "long.wav", 2)) as sink:
        play(sink, event("fear"))
        card.connect("|head -c 20000 > /dev/null")  # enough for a try, too little for the cue
        play(sink, event("happiness"))
        assert (sink.player.played, sink.player.dropped) == (1, 1)
        card.connect(f"|cat >> {card.recording}")
        until(lambda: "device is back" in caplog.text)
        play(sink, event("sadness"))
    assert card.heard == ["fear", "sadness"]
    (warning,) = warnings(caplog)
    assert "the device refuses sound" in warning


def test_a_device_that_is_taken_away_comes_back(
    card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    health = failing_then_back(card, card.remove, caplog)
    assert any("no default output device" in words for words in health)


def test_a_device_that_stops_taking_sound_in_the_middle(
    card: Card, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with playing(files=own_sound(tmp_path / "long.wav", 3)) as sink:
        play(sink, event("fear"))
        card.connect("|sleep 9")
        play(sink, event("happiness"))
    (warning,) = warnings(caplog)
    assert "the device takes no more sound" in warning


def test_a_device_that_hangs_when_it_is_opened(
    hanging_card: None, caplog: pytest.LogCaptureFixture
) -> None:
    player, sounds = impatient_player()
    until(lambda: warnings(caplog))
    assert "it does not answer" in warnings(caplog)[0]
    player.play(Cue("fear", monotonic(), monotonic()))  # takes no time
    player.close()
    sounds.close()


def test_an_error_that_nobody_thought_of_does_not_end_the_sound(
    card: Card, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "agent.feedback.audio")
    health: list[str] = []
    with playing(health=health.append) as sink:
        until(lambda: health == ["ok"])

        def fail(_process: OutputProcess) -> list[Answer]:
            raise ValueError("nobody thought of this")

        with monkeypatch.context() as patched:
            patched.setattr(OutputProcess, "answers", fail)
            sink.publish(event("happiness"))
            until(lambda: len(health) > 1)
        until(lambda: health[-1] == "ok")
        play(sink, event("sadness"))
    assert card.heard[-1] == "sadness"
    assert "nobody thought of this" in health[1]
    assert "the default sound device is back" in caplog.text


_PLAYS_ALONE = """
from agent.feedback.audio import output
output._ALONE = 2.0
output.main()
"""


def test_a_player_whose_agent_has_died_does_not_stay_at_a_device_that_hangs(
    hanging_card: None,
) -> None:
    sounds = Sounds({"fear": SOUNDS["fear"]})
    player = subprocess.Popen(
        [sys.executable, "-c", _PLAYS_ALONE],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, PCM_VARIABLE: str(sounds.fileno())},
        pass_fds=[sounds.fileno()],
    )
    assert player.stdin is not None
    player.stdin.write(b"play 1 0 9600\n")
    player.stdin.close()  # as the death of the agent does
    try:
        player.wait(PATIENCE)
    finally:
        player.kill()
        sounds.close()


def test_a_device_that_hangs_is_found_however_often_cues_come(
    hanging_card: None, caplog: pytest.LogCaptureFixture
) -> None:
    player, sounds = impatient_player()

    def ask() -> bool:
        player.play(Cue("fear", monotonic(), monotonic()))
        return bool(warnings(caplog))

    until(ask)
    assert "it does not answer" in warnings(caplog)[0]
    player.close()
    sounds.close()


def test_without_any_device_it_says_so_once_and_plays_on_one_that_appears(
    card: Card, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    card.remove()
    caplog.set_level(logging.INFO, "agent.feedback.audio")
    with playing() as sink:
        until(lambda: caplog.records)
        play(sink, event("happiness"))
        card.connect(f"|cat >> {card.recording}")
        until(lambda: "device is back" in caplog.text)
        play(sink, event("fear"))
    assert card.heard == ["fear"]
    assert len(warnings(caplog)) == 1
    assert capfd.readouterr() == ("", "")  # ALSA and JACK print a hundred lines


def test_a_player_process_that_is_killed_is_replaced(
    card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "agent.feedback.audio")
    with playing() as sink:
        play(sink, event("fear"))
        assert sink.player._process is not None
        os.kill(sink.player._process._process.pid, signal.SIGKILL)
        until(lambda: "device is back" in caplog.text)
        play(sink, event("anger"))
    assert card.heard == ["fear", "anger"]
    assert "ended with status -9" in warnings(caplog)[0]


def test_a_cue_that_dies_with_the_process_is_played_by_the_next(
    card: Card, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player, "_FRESH", 60.0)  # this machine may be slow
    with playing() as sink:
        play(sink, event("fear"))
        assert sink.player._process is not None
        process = sink.player._process._process.pid
        os.kill(process, signal.SIGSTOP)
        sink.publish(event("anger"))
        until(lambda: sink.player._sounding)  # it is with the process
        os.kill(process, signal.SIGKILL)
        until(lambda: settled(sink.player))
        assert sink.player.played == 2
    assert card.heard == ["fear", "anger"]
    assert warnings(caplog) == []


def test_a_name_that_no_device_has_is_told_with_those_there_are(
    card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    with playing(device="Subwoofer"):
        until(lambda: warnings(caplog))
    (warning,) = warnings(caplog)
    assert warning.startswith(
        "sound device 'Subwoofer': no such device (there: card, default); going on without sound"
    )


def test_without_pyaudio_it_says_what_to_install_and_does_not_try_again(
    card: Card,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "pyaudio.py").write_text("raise ImportError('libportaudio.so.2: not found')")
    monkeypatch.syspath_prepend(tmp_path)
    with playing() as sink:
        until(lambda: warnings(caplog))
        play(sink, event("happiness"))
        assert sink.player._process is None
        assert sink.player._retry_at == float("inf")
    (line,) = warnings(caplog)
    assert "scripts/setup-system audio" in line
    assert "libportaudio.so.2: not found" in line
