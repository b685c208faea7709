"""What may be asked of the agent over MQTT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2

from agent.calibration import SECONDS, require_camera
from agent.control import Control
from agent.emotion.labels import EMOTIONS
from agent.errors import AgentError
from agent.status import StatusBoard

_LONGEST: Final = 256
"""Bytes of a command's payload; the longest meaningful one is an emotion."""
_JPEG_QUALITY: Final = 85
_SWITCH: Final = {"on": True, "true": True, "off": False, "false": False}


@dataclass(frozen=True)
class Outcome:
    """What became of a command."""

    ok: bool
    message: str
    """What was done, or why not, in a line."""
    picture: bytes | None = None
    """A JPEG, where a snapshot was asked for and is allowed."""


class Commands:
    """Carries out commands by their names."""

    def __init__(self, control: Control, board: StatusBoard, snapshots: bool) -> None:
        """With `snapshots` a picture may be sent."""
        self._control = control
        self._board = board
        self._snapshots = snapshots
        self._known: dict[str, Callable[[str], Outcome]] = {
            "mute": self._mute,
            "pause": self._pause,
            "cue": self._cue,
            "reload": self._reload,
            "snapshot": self._snapshot,
            "calibrate": self._calibrate,
        }

    def carry_out(self, name: str, payload: bytes) -> Outcome:
        """Do what the command says; a wrong one is no error but an outcome."""
        command = self._known.get(name)
        if command is None:
            return Outcome(False, f"no such command; there are: {', '.join(self._known)}")
        try:
            word = payload[: _LONGEST + 1].decode().strip().lower()
        except UnicodeDecodeError:
            word = None
        if word is None or len(payload) > _LONGEST:
            return Outcome(False, "the payload is no word")
        return command(word)

    def _mute(self, word: str) -> Outcome:
        on = _switched(word, self._control.muted)
        if on is None:
            return _NO_SWITCH
        self._control.mute(on)
        return Outcome(True, "the sound is off" if on else "the sound is on")

    def _pause(self, word: str) -> Outcome:
        on = _switched(word, self._control.paused)
        if on is None:
            return _NO_SWITCH
        self._control.pause(on)
        return Outcome(True, "the camera is turned off" if on else "the camera is turned on")

    def _cue(self, word: str) -> Outcome:
        if word and word not in EMOTIONS:
            return Outcome(False, f"no such emotion; there are: {', '.join(EMOTIONS)}")
        if not self._control.cue(word or None):
            return Outcome(False, "this agent has no sound")
        return Outcome(True, "a cue is asked for")

    def _reload(self, _word: str) -> Outcome:
        try:
            self._control.reload()
        except AgentError as error:
            return Outcome(False, "; ".join(str(error).splitlines()))
        return Outcome(True, "the settings are read again")

    def _calibrate(self, word: str) -> Outcome:
        if word == "undo":
            self._control.calibration.undo()
            return Outcome(True, "the calibration is undone")
        if word not in ("", "start"):
            return Outcome(False, "the payload must be START or UNDO")
        try:
            require_camera(self._control.paused, self._board.status.state)
        except AgentError as error:
            return Outcome(False, str(error))
        self._control.calibration.begin()
        return Outcome(True, f"look neutral for {SECONDS:.0f} seconds; the state tells the outcome")

    def _snapshot(self, _word: str) -> Outcome:
        if not self._snapshots:
            return Outcome(False, "pictures do not leave this device; mqtt.snapshots is off")
        frame = self._board.frame
        if self._control.paused or frame is None:
            return Outcome(False, "there is no picture; the camera is off or has not begun")
        encoded, jpeg = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        if not encoded:
            return Outcome(False, "the picture cannot be made into a JPEG")
        height, width = frame.image.shape[:2]
        return Outcome(True, f"a picture of {width} x {height} is sent", jpeg.tobytes())


_NO_SWITCH: Final = Outcome(False, "the payload must be ON, OFF or TOGGLE")


def _switched(word: str, now: bool) -> bool | None:
    """What a switch is to become; None if the word is none for a switch."""
    return not now if word == "toggle" else _SWITCH.get(word)
