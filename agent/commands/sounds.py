"""`emotion-agent sounds`: hear the cues, keep them as files, find the name of a device."""

from __future__ import annotations

import argparse
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.emotion.labels import EMOTIONS
from agent.errors import AgentError
from agent.settings import Settings

_ReadSettings = Callable[[argparse.Namespace], Settings]


def add_to(commands: Any, settings: _ReadSettings) -> None:
    """Add the command; `settings` gives those that the arguments describe."""
    sounds = commands.add_parser("sounds", help="hear the audio cues, or export them")
    actions = sounds.add_subparsers(required=True, metavar="ACTION")

    play = _action(actions, "play", "play cues as the settings have them, whatever the hour")
    _with_settings(play)
    play.add_argument("emotions", nargs="*", metavar="EMOTION", help="default: all, in turn")
    play.set_defaults(command=lambda arguments: _play(arguments, settings(arguments)))

    export = _action(actions, "export", "write every cue as a WAV file")
    _with_settings(export)
    export.add_argument("folder", type=Path, metavar="DIR")
    export.set_defaults(command=lambda arguments: _export(arguments, settings(arguments)))

    devices = _action(actions, "devices", "list the names that audio.device may have")
    devices.set_defaults(command=_devices)


def _play(arguments: argparse.Namespace, settings: Settings) -> int:
    from agent.feedback.audio.process import play_now  # noqa: PLC0415
    from agent.feedback.audio.sink import sounds_of  # noqa: PLC0415

    emotions: list[str] = arguments.emotions or list(EMOTIONS)
    for emotion in emotions:
        if emotion not in EMOTIONS:
            raise AgentError(f"there is no sound for '{emotion}'; those are {', '.join(EMOTIONS)}")
    sounds = sounds_of(settings.audio)
    for emotion in emotions:
        print(emotion, flush=True)
        play_now(settings.audio.device, sounds, emotion)
    return 0


def _export(arguments: argparse.Namespace, settings: Settings) -> int:
    from agent.feedback.audio.pcm import RATE, WIDTH  # noqa: PLC0415
    from agent.feedback.audio.repertoire import repertoire  # noqa: PLC0415
    from agent.feedback.audio.samples import as_pcm  # noqa: PLC0415

    folder: Path = arguments.folder
    for emotion, samples in repertoire(settings.audio, EMOTIONS).items():
        path = folder / f"{emotion}.wav"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file, wave.open(file) as recording:
                recording.setparams((1, WIDTH, RATE, 0, "NONE", ""))
                recording.writeframes(as_pcm(samples, settings.audio.volume))
        except OSError as error:
            raise AgentError(f"{path}: {error.strerror or error}") from None
        print(path)
    return 0


def _devices(_: argparse.Namespace) -> int:
    from agent.feedback.audio.process import list_devices  # noqa: PLC0415

    names = list_devices()
    print("\n".join(names) if names else "no sound device")
    return 0


def _action(actions: Any, name: str, what: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=what, description=what)
    return parser


def _with_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings of the agent")
    parser.add_argument(
        "--set", action="append", metavar="KEY=VALUE", help="a setting by its full name"
    )
