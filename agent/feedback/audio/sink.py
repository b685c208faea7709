"""Events as sound."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import time
from time import monotonic
from typing import Final

import numpy as np

from agent.emotion.labels import EMOTIONS
from agent.feedback.audio.pcm import RATE
from agent.feedback.audio.player import PROBE, Cue, Player
from agent.feedback.audio.policy import CuePolicy
from agent.feedback.audio.process import Sounds
from agent.feedback.audio.repertoire import repertoire
from agent.feedback.audio.samples import as_pcm
from agent.settings import AudioSettings
from agent.types import EmotionEvent

logger = logging.getLogger(__name__)

_PROBE_SECONDS: Final = 0.05


class AudioSink:
    """Plays the cue of an event's emotion, if the settings let it."""

    name = "audio"

    def __init__(
        self,
        settings: AudioSettings,
        muted: Callable[[], bool] = lambda: False,
        health: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        """`muted` is asked before each cue; `health` is told `ok` or what ails the device; `now` is
        the clock of the cool-downs. Raises `AgentError` for a setting that cannot work.
        """
        self._mute = settings.mute
        self._switch = muted
        self._now = now
        self._policy = CuePolicy(settings)
        self._sounds = sounds_of(settings)
        self._latest = EMOTIONS[0]
        self._player = Player(settings.device, self._sounds, health)

    @property
    def player(self) -> Player:
        """Counts what has been played, and measures how long it takes."""
        return self._player

    @property
    def muted(self) -> bool:
        """Whether the settings or the switch keep it silent."""
        return self._mute or self._switch()

    def publish(self, event: EmotionEvent) -> None:
        """Play its cue, or none."""
        if event.emotion in EMOTIONS:
            self._latest = event.emotion
        refusal = self._policy.refusal(event, self._now(), _local(event), self.muted)
        if refusal is not None:
            logger.debug("no cue for %s: %s", event.emotion, refusal)
            return
        asked = monotonic()
        self._player.play(Cue(event.emotion, asked - event.latency_ms / 1000, asked))

    def cue(self, emotion: str | None = None) -> None:
        """Play a cue that a person asks for, whatever the cool-downs and hours; only mute holds it.

        None plays that of the last emotion seen.
        """
        asked = monotonic()
        if not self.muted:
            self._player.play(Cue(emotion or self._latest, asked, asked))

    def close(self) -> None:
        """Let the cue that plays end, within a second or two, and give the device back."""
        self._player.close()
        self._sounds.close()


def sounds_of(settings: AudioSettings) -> Sounds:
    """Every emotion's sound at the volume of the settings, and the silence that tries a device.

    Raises `AgentError` for a setting that cannot work.
    """
    samples = repertoire(settings, EMOTIONS)
    samples[PROBE] = np.zeros(round(_PROBE_SECONDS * RATE), np.float32)
    return Sounds({name: as_pcm(sound, settings.volume) for name, sound in samples.items()})


def _local(event: EmotionEvent) -> time:
    """The time of day at which the frame was captured, where this machine is."""
    return event.time.astimezone().time()
