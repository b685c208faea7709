"""Sounds on the board, by `aplay`: the agent's cues under the agent's rules."""

from __future__ import annotations

import logging
import subprocess
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.feedback.audio.policy import CuePolicy
from agent.types import EmotionEvent

if TYPE_CHECKING:
    from agent.settings import AudioSettings

_PATIENCE: Final = 30.0
"""Seconds after which a cue counts as hung; it lasts ten at most."""

logger = logging.getLogger(__name__)


class Cues:
    """Plays one cue at a time; a sound that cannot be played is told once and costs nothing."""

    def __init__(self, settings: AudioSettings, folder: Path) -> None:
        """`folder` holds `happiness.wav` and so on."""
        self._settings = settings
        self._policy = CuePolicy(settings)
        self._folder = folder
        self._playing: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._silent = False

    def hear(self, event: EmotionEvent, now: float) -> None:
        """Play the event's cue, if it has one. `now` is in seconds of a monotonic clock."""
        if self._busy(now):
            return
        clock = datetime.now().time()
        if not self._settings.enabled or self._policy.refusal(
            event, now, clock, self._settings.mute
        ):
            return
        command = ["aplay", "-q", *self._device(), str(self._folder / f"{event.emotion}.wav")]
        try:
            self._playing = subprocess.Popen(command, stdin=subprocess.DEVNULL)
            self._began = now
        except OSError as error:
            self._complain(str(error))

    def _busy(self, now: float) -> bool:
        if self._playing is None:
            return False
        status = self._playing.poll()
        if status is None:
            if now - self._began > _PATIENCE:
                self._playing.kill()  # and look next time: a device that hangs may hold on to it
                self._complain("the sound device hangs")
            return True
        if status:
            self._complain(f"aplay ended with {status}")
        self._playing = None
        return False

    def _device(self) -> list[str]:
        return ["-D", self._settings.device] if self._settings.device else []

    def _complain(self, what: str) -> None:
        if not self._silent:
            logger.warning("no cue can be heard: %s", what)
        self._silent = True
