"""What the agent reads from outside as functions of bytes, each with something whole to begin with.

A reader ends in success or in an error that is meant for a person; whatever else it raises is a
finding. Hypothesis damages what is whole (`test_damaged_files`), Atheris follows the code that the
bytes reach (`guided`).
"""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from agent.control import Control
from agent.emotion import manifest
from agent.errors import AgentError
from agent.feedback.audio.recordings import read_wav
from agent.feedback.mqtt.commands import Commands
from agent.inference import bodies
from agent.inference.request import RequestError
from agent.layers import load
from agent.model_api.bodies import _parts
from agent.sources.pictures import read_picture
from agent.status import StatusBoard


@dataclass(frozen=True)
class Reader:
    """One kind of bytes."""

    read: Callable[[bytes, Path], None]
    """Takes the bytes and an empty folder that lasts as long as the process."""
    whole: Callable[[Path], bytes]
    """Something that is read with success; gets the folder, too."""


def in_a_line(error: Exception) -> None:
    """A message for a person: no empty one, and one line for each problem."""
    for problem in getattr(error, "problems", [str(error)]):
        assert problem
        assert "\n" not in problem


def _settings(content: bytes, folder: Path) -> None:
    path = folder / "agent.toml"
    path.write_bytes(content)
    try:
        load(path, environment={})
    except AgentError as error:
        in_a_line(error)


def _some_settings(_: Path) -> bytes:
    return (
        b'device = "hall"\n[source]\nuri = "demo"\n[mqtt]\nhost = "a"\nport = 1883\n'
        b'[emotion]\nprior = {happiness = 0.5, fear = 0.5}\n[audio]\nquiet_hours = "22:00-07:00"\n'
    )


def _manifest(content: bytes, folder: Path) -> None:
    (folder / manifest.FILE_NAME).write_bytes(content)
    try:
        found = manifest.read(folder)
        for file in found.files:
            manifest.checked_file(found, folder, file.runtime, file.precision)
    except AgentError as error:
        in_a_line(error)


def _shipped_manifest(_: Path) -> bytes:
    return Path("models/fer-compact", manifest.FILE_NAME).read_bytes()


def _switches(content: bytes, folder: Path) -> None:
    path = folder / "switches.json"
    path.write_bytes(content)
    control = Control(path)
    assert isinstance(control.muted, bool)
    assert isinstance(control.paused, bool)


def _command(content: bytes, folder: Path) -> None:
    name, _, payload = content.partition(b"\n")
    commands = Commands(Control(), StatusBoard(), snapshots=True)
    outcome = commands.carry_out(name.decode("utf-8", "replace"), payload)
    assert outcome.message
    assert "\n" not in outcome.message


def _picture(content: bytes, folder: Path) -> None:
    path = folder / "picture"
    path.write_bytes(content)
    try:
        image = read_picture(path).image
    except AgentError as error:
        in_a_line(error)
    else:
        assert image.dtype == np.uint8
        assert image.ndim == 3


def _a_picture(_: Path) -> bytes:
    return cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()


def _recording(content: bytes, folder: Path) -> None:
    path = folder / "cue.wav"
    path.write_bytes(content)
    try:
        read_wav(path, "audio.cues.fear")
    except AgentError as error:
        in_a_line(error)


def _a_recording(folder: Path) -> bytes:
    path = folder / "whole.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(bytes(range(64)))
    return path.read_bytes()


def _request(content: bytes, folder: Path) -> None:
    content_type, _, body = content.partition(b"\n")
    try:
        parts = _parts(body, content_type.decode("latin-1"))
        if bodies.crops_in(parts, 48) is None:
            bodies.pictures_in(parts)
    except RequestError as error:
        in_a_line(error)


def _a_request(_: Path) -> bytes:
    body = json.dumps({"images": ["iVBORw0KGgo="]}).encode()
    return (
        b'multipart/form-data; boundary="x"\n--x\r\nContent-Disposition: form-data; name="a"\r\n'
        b"Content-Type: application/json\r\n\r\n" + body + b"\r\n--x--\r\n"
    )


READERS: Final = {
    "settings": Reader(_settings, _some_settings),
    "manifest": Reader(_manifest, _shipped_manifest),
    "switches": Reader(_switches, lambda _: b'{"muted": true, "paused": false}'),
    "command": Reader(_command, lambda _: b"mute\nON"),
    "picture": Reader(_picture, _a_picture),
    "recording": Reader(_recording, _a_recording),
    "request": Reader(_request, _a_request),
}
