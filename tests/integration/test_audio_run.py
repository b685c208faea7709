"""The agent with sound, run as a person runs it, over a film of a smile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.brokers.watcher import wait_for
from tests.patience import PATIENCE
from tests.sound_card import sounds_in

DemoFile = Callable[[str], Path]

AGENT = [sys.executable, "-m", "agent.cli", "run"]
NOISE = ("Traceback", "ALSA", "ack server", "pa_linux")
RATE = 48_000
FILE = 'type file slave.pcm {{ type null }} file "{}" format "raw"'


def run_over_smile(
    film: Path, folder: Path, card: str, *more: str
) -> subprocess.CompletedProcess[str]:
    """Run over the film, with a sound card of that ALSA definition."""
    command = [*AGENT, "--source", str(film), "--until-end", "--set", "audio.enabled=true", *more]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=with_card(folder, card),
    )
    assert done.returncode == 0, done.stderr
    assert "happiness" in done.stdout
    assert not any(word in done.stderr for word in NOISE)
    return done


def with_card(folder: Path, card: str) -> dict[str, str]:
    """An environment with a sound card of that ALSA definition."""
    configuration = folder / "asound.conf"
    configuration.write_text(
        f"""
        pcm.card {{ {card} }}
        pcm.!default {{ type plug slave {{ pcm card format S16_LE rate {RATE} channels 1 }} }}
        ctl.!default {{ type null }}
        """
    )
    return {**os.environ, "ALSA_CONFIG_PATH": str(configuration)}


def test_a_smile_plays_the_cue_of_happiness_once(demo_file: DemoFile, tmp_path: Path) -> None:
    recording = tmp_path / "recording.raw"
    for _ in range(3):
        done = run_over_smile(
            demo_file("single_face.mp4"), tmp_path, FILE.format(f"|cat >> {recording}")
        )
        assert "without sound" not in done.stderr
        # A slow machine may not have a device ready within the two seconds that the film takes.
        if any(recording.read_bytes() if recording.exists() else b""):
            break
    (sound,) = sounds_in(recording.read_bytes())
    cue = np.frombuffer(sound, "<i2").astype(np.float64)
    assert 0.4 < len(cue) / RATE < 0.6
    strength = np.abs(np.fft.rfft(cue, 4 * RATE))
    ground = 523.25 * 2 ** (0.3 * 0.51 - 1.2 * 0.46)  # by arousal and dominance of happiness
    for semitones in (0, 4, 7, 12):  # a major chord
        note = round(4 * ground * 2 ** (semitones / 12))
        near = strength[note - 60 : note + 60]
        assert abs(near.argmax() - 60) < 24  # 6 Hz
        assert near.max() > 0.1 * strength.max()
    assert strength[: 4 * 300].max() < 0.05 * strength.max()


def test_a_muted_agent_is_silent(demo_file: DemoFile, tmp_path: Path) -> None:
    recording = tmp_path / "recording.raw"
    card = FILE.format(f"|cat >> {recording}")
    run_over_smile(
        demo_file("single_face.mp4"), tmp_path, card, "--pace", "none", "--set", "audio.mute=true"
    )
    assert not any(recording.read_bytes() if recording.exists() else b"")


@pytest.mark.parametrize("card", [FILE.format("/dev/full"), "type hw card 31"])
def test_a_run_goes_on_without_a_device_that_works(
    demo_file: DemoFile, tmp_path: Path, card: str
) -> None:
    log, events = tmp_path / "log", tmp_path / "events"
    settings = ["--set", "audio.enabled=true", "--set", "audio.cooldown=0"]
    with log.open("wb") as stderr:
        agent = subprocess.Popen(
            [*AGENT, "--source", str(demo_file("single_face.mp4")), *settings],
            stdout=events.open("wb"),
            stderr=stderr,
            env=with_card(tmp_path, card),
        )
    try:
        told = "going on without sound until it is back"
        wait_for(lambda: told in log.read_text(), told=log.read_text)
        before = events.read_text().count("happiness")
        wait_for(lambda: events.read_text().count("happiness") >= before + 4)  # another smile, too
        agent.terminate()
        assert agent.wait(PATIENCE) == 0
    finally:
        agent.kill()
        agent.wait()
    assert [told in line for line in log.read_text().splitlines() if "sound" in line] == [True]
    assert not any(word in log.read_text() for word in NOISE)
