"""What can be turned while the agent runs: muted, paused, a cue, new settings."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from agent.calibration import Calibration
from agent.durable import write_durably
from agent.errors import AgentError
from agent.settings import Settings

logger = logging.getLogger(__name__)


class Control:
    """Switches and requests of a running agent. Every method may be called from any thread.

    The switches are kept in a file, so that a camera that was turned off stays off when the agent
    is started again, whatever ended it.

    >>> control = Control()
    >>> control.pause(True)
    >>> control.paused
    True
    """

    def __init__(
        self,
        file: Path | None = None,
        read_settings: Callable[[], Settings] | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        """Without a `file` the switches are forgotten at the end. `read_settings` reads the
        settings anew for `reload` and raises `AgentError` if they are wrong.
        """
        self.calibration = calibration or Calibration()
        """What the resting face is misread as."""
        self._file = file
        self._read_settings = read_settings
        self._lock = Lock()
        self._muted, self._paused = _kept(file)
        self._new_settings: Settings | None = None
        self._cue_listeners: list[Callable[[str | None], None]] = []

    def keep_in(self, file: Path | None) -> None:
        """Keep the switches, as they are now, in another file (the device has a new name)."""
        with self._lock:
            if file != self._file:
                self._file = file
                self._keep()

    @property
    def muted(self) -> bool:
        """Whether sound is off."""
        return self._muted

    @property
    def paused(self) -> bool:
        """Whether the camera is to be off."""
        return self._paused

    def mute(self, on: bool) -> None:
        """Turn the sound off (True) or on."""
        with self._lock:
            self._muted = on
            self._keep()

    def pause(self, on: bool) -> None:
        """Turn the camera off (True) or on; the service closes or opens it within a second."""
        with self._lock:
            self._paused = on
            self._keep()

    def on_cue(self, listener: Callable[[str | None], None]) -> Callable[[], None]:
        """Have `listener` called for every cue that is asked for, on the asker's thread, with the
        emotion or None for any; it must be quick. Returns a function that ends this.
        """
        self._cue_listeners.append(listener)
        return lambda: self._cue_listeners.remove(listener)

    def cue(self, emotion: str | None = None) -> bool:
        """Ask for a cue; False if nothing in this agent plays any."""
        listeners = list(self._cue_listeners)
        for listener in listeners:
            listener(emotion)
        return bool(listeners)

    def reload(self) -> None:
        """Read the settings anew; the service takes them up within a second.

        Raises `AgentError` if they are wrong; the agent then keeps those it has.
        """
        if self._read_settings is None:
            raise AgentError("this agent cannot read its settings anew")
        settings = self._read_settings()
        with self._lock:
            self._new_settings = settings

    def new_settings(self) -> Settings | None:
        """The settings read by the last `reload`, once; for the service."""
        if self._new_settings is None:
            return None
        with self._lock:
            settings, self._new_settings = self._new_settings, None
            return settings

    def _keep(self) -> None:
        if self._file is None:
            return
        text = json.dumps({"muted": self._muted, "paused": self._paused})
        try:
            write_durably(self._file, text)  # off has to mean off, also after a power cut
        except OSError as error:
            problem = error.strerror or error
            logger.warning("%s: %s: switches are lost at the next start", self._file, problem)


def _kept(file: Path | None) -> tuple[bool, bool]:
    """What the file says of muted and paused."""
    if file is None:
        return False, False
    try:
        switches = json.loads(file.read_text())
        return bool(switches["muted"]), bool(switches["paused"])
    except FileNotFoundError:
        return False, False
    except (OSError, ValueError, TypeError, KeyError):
        logger.warning("%s cannot be read: the camera stays off until it is turned on", file)
        return False, True
