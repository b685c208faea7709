"""The agent with sound, run as a person runs it, over a film of a smile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.sound_card import sounds_in

DemoFile = Callable[[str], Path]

RATE = 48_000
FILE = 'type file slave.pcm {{ type null }} file "{}" format "raw"'


def run_over_smile(
    film: Path, folder: Path, card: str, *more: str
) -> subprocess.CompletedProcess[str]:
    """Run over the film, with a sound card of that ALSA definition."""
    configuration = folder / "asound.conf"
    configuration.write_text(
        f"""
        pcm.card {{ {card} }}
        pcm.!default {{ type plug slave {{ pcm card format S16_LE rate {RATE} channels 1 }} }}
        ctl.!default {{ type null }}
        """
    )
    command = [sys.executable, "-m", "agent.cli", "run", "--source", str(film), "--until-end"]
    command += ["--set", "audio.enabled=true", *more]
    environment = {**os.environ, "ALSA_CONFIG_PATH": str(configuration)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "happiness" in done.stdout
    assert not any(word in done.stderr for word in ("Traceback", "ALSA", "ack server", "pa_linux"))
    return done


def test_a_smile_plays_the_cue_of_happiness_once(demo_file: DemoFile, tmp_path: Path) -> None:
    recording = tmp_path / "recording.raw"
    done = run_over_smile(
        demo_file("single_face.mp4"), tmp_path, FILE.format(f"|cat >> {recording}")
    )
    assert "without sound" not in done.stderr
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
    done = run_over_smile(demo_file("single_face.mp4"), tmp_path, card)
    told = [line for line in done.stderr.splitlines() if "sound" in line]
    assert len(told) == 1
    assert "going on without sound until it is back" in told[0]
