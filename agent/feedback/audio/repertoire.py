"""What each emotion sounds like by the settings: an own file, words, or the earcon."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from agent.feedback.audio.earcons import earcon
from agent.feedback.audio.recordings import read_wav
from agent.feedback.audio.samples import Samples
from agent.feedback.audio.speech import can_speak, speak
from agent.settings import AudioSettings

logger = logging.getLogger(__name__)


def repertoire(settings: AudioSettings, emotions: Iterable[str]) -> dict[str, Samples]:
    """The sound of each of these emotions, equally loud.

    Raises `AgentError` for a file or a voice that cannot be used. Without espeak-ng the earcons
    stand in for words, and a warning says so.
    """
    speaks = settings.cues == "speech"
    if speaks and not can_speak():
        logger.warning("audio.cues: espeak-ng is not installed; earcons take the place of words")
        speaks = False
    return {emotion: _sound(settings, emotion, speaks) for emotion in emotions}


def phrase(settings: AudioSettings, emotion: str) -> str:
    """What is said for an emotion.

    >>> phrase(AudioSettings(phrase="You look like {emotion}"), "fear")
    'You look like fear'
    """
    return (getattr(settings.phrases, emotion) or settings.phrase).replace("{emotion}", emotion)


def _sound(settings: AudioSettings, emotion: str, speaks: bool) -> Samples:
    file: str | None = getattr(settings.files, emotion)
    if file is not None:
        return read_wav(Path(file), f"audio.files.{emotion}")
    return speak(phrase(settings, emotion), settings.voice) if speaks else earcon(emotion)
