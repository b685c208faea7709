"""A sound card that records what it is given, and a sink that plays on it.

ALSA's plug-in that writes a file takes the place of the card. The format is the player's own, so
every cue is found again sample by sample.
"""

from __future__ import annotations

import logging
import sys
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest

from agent.emotion.labels import EMOTIONS
from agent.feedback.audio.pcm import RATE, WIDTH
from agent.feedback.audio.player import Player
from agent.feedback.audio.repertoire import repertoire
from agent.feedback.audio.samples import as_pcm
from agent.feedback.audio.sink import AudioSink
from agent.settings import AudioSettings, PerEmotion
from agent.types import Box, EmotionEvent
from tests.patience import PATIENCE

VOLUME = 0.5

PACER = """
import sys, time
began, taken = time.monotonic(), 0
with open(sys.argv[1], "ab", 0) as recording:
    while samples := sys.stdin.buffer.read1(960):
        recording.write(samples)
        taken += len(samples)
        time.sleep(max(0, began + taken / 96_000 - time.monotonic()))
"""


class Card:
    """A sound card that records; `connect` says what becomes of its samples."""

    def __init__(self, folder: Path) -> None:
        self.configuration = folder / "asound.conf"
        self.recording = folder / "recording.raw"
        self.pacer = folder / "pacer.py"
        self.pacer.write_text(PACER)
        self.connect(f"|cat >> {self.recording}")

    def configure(self, text: str) -> None:
        # A file of its own, as ALSA reads one anew by its inode and the second of its change.
        fresh = self.configuration.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.configuration)

    def connect(self, target: str) -> None:
        self.configure(
            f"""
            pcm.card {{ type file slave.pcm {{ type null }} file "{target}" format "raw" }}
            pcm.!default {{ type plug slave {{ pcm card format S16_LE rate {RATE} channels 1 }} }}
            ctl.!default {{ type null }}
            """
        )

    def connect_paced(self) -> None:
        """Take samples as fast as a card does, less what the pipe holds (0.7 seconds)."""
        self.connect(f"|{sys.executable} {self.pacer} {self.recording}")

    def remove(self) -> None:
        self.configure("pcm.!default { type hw card 31 } ctl.!default { type null }")

    @property
    def samples(self) -> bytes:
        return self.recording.read_bytes() if self.recording.exists() else b""

    @property
    def heard(self) -> list[str]:
        """The cues in the recording, in order; `?` for what is none."""
        return [NAMES.get(sound, "?") for sound in sounds_in(self.samples)]


def sounds_in(pcm: bytes) -> list[bytes]:
    """What lies between silences of an eighth of a second or more, without leading silence."""
    samples = np.frombuffer(pcm, "<i2")
    loud = np.flatnonzero(samples)
    if not len(loud):
        return []
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > RATE // 8) + 1)
    return [samples[part[0] : part[-1] + 1].tobytes() for part in parts]


SOUNDS = {
    emotion: as_pcm(samples, VOLUME)
    for emotion, samples in repertoire(AudioSettings(), EMOTIONS).items()
}
NAMES = {sounds_in(pcm)[0]: emotion for emotion, pcm in SOUNDS.items()}


@contextmanager
def playing(**settings: Any) -> Iterator[AudioSink]:
    clock: Callable[[], float] = settings.pop("now", monotonic)
    switch: Callable[[], bool] = settings.pop("muted", lambda: False)
    health: Callable[[str], None] = settings.pop("health", lambda _: None)
    given = AudioSettings(**{"volume": VOLUME, "cooldown": 0, "cooldown_any": 0, **settings})
    sink = AudioSink(given, switch, health, clock)
    try:
        yield sink
    finally:
        sink.close()


def until(condition: Callable[[], object]) -> None:
    end = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < end, "nothing happened"
        sleep(0.005)


def event(emotion: str, at: str = "12:00", latency_ms: float = 12.5) -> EmotionEvent:
    return EmotionEvent(
        id="7c0e",
        type="changed",
        time=datetime.fromisoformat(f"2026-05-04T{at}").astimezone(),
        device="board",
        source="demo",
        frame=57,
        track=1,
        box=Box(10, 20, 99, 101),
        emotion=emotion,
        previous=None,
        confidence=0.9,
        probabilities=dict.fromkeys(EMOTIONS, 0.125),
        reason=None,
        latency_ms=latency_ms,
        model="fer-compact@1.0.0",
    )


def play(sink: AudioSink, *events: EmotionEvent) -> None:
    """Publish events, each after the cue before has been heard to its end, if it has any."""
    for each in events:
        sink.publish(each)
        until(lambda: settled(sink.player))


def settled(player: Player) -> bool:
    return player.asked == player.played + player.dropped


def own_sound(path: Path, seconds: float) -> PerEmotion:
    """A long cue for happiness: one that outlasts the pipe before a device that fails."""
    tone = np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE).astype(np.float32)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, WIDTH, RATE, 0, "NONE", ""))
        file.writeframes(as_pcm(tone))
    return PerEmotion(happiness=str(path))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
