"""The names of the topics."""

from __future__ import annotations

from typing import Final

from agent.places import plain_name

ROOT: Final = "emotion-agent"


class Topics:
    """The topics of one device.

    >>> Topics("hall").result("mute")
    'emotion-agent/hall/command/mute/result'
    """

    def __init__(self, device: str, discovery_prefix: str = "homeassistant") -> None:
        name = plain_name(device)
        base = f"{ROOT}/{name}"
        self.identifier = f"{ROOT}-{name}"
        """What the device is called where a name of letters, digits, `-` and `_` is needed."""
        self.availability = f"{base}/availability"
        self.state = f"{base}/state"
        self.events = f"{base}/events"
        self.snapshot = f"{base}/snapshot"
        self.commands = f"{base}/command/+"
        """The filter that all commands match, and their results do not."""
        self.birth = f"{discovery_prefix}/status"
        self.discovery = f"{discovery_prefix}/device/{self.identifier}/config"
        self._command = f"{base}/command/"

    def command(self, name: str) -> str:
        return self._command + name

    def result(self, name: str) -> str:
        return f"{self._command}{name}/result"

    def command_name(self, topic: str) -> str | None:
        """The name of the command that came by this topic; None if it is none."""
        name = topic.removeprefix(self._command)
        return None if name == topic or "/" in name else name

    @property
    def retained(self) -> tuple[str, ...]:
        """What stays at the broker when the agent has gone."""
        return self.discovery, self.state, self.availability
