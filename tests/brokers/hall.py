"""A device called `hall` at a broker, by the real sink."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.control import Control
from agent.errors import AgentError
from agent.feedback.mqtt.sink import MqttSink
from agent.settings import MqttSettings, Settings
from agent.status import Status, StatusBoard
from tests.brokers.mosquitto import USERS, Mosquitto
from tests.brokers.watcher import wait_for

BASE = "emotion-agent/hall"
EVENTS = f"{BASE}/events"
DISCOVERY = "homeassistant/device/emotion-agent-hall/config"


class Hall:
    """A device with its sink."""

    def __init__(self, folder: Path, broker: Mosquitto, **more: Any) -> None:
        login = {"host": "localhost", "username": "agent", "password": USERS["agent"]}
        mqtt = {**login, "port": broker.plain, **more}
        self.settings = Settings(device="hall", mqtt=MqttSettings.model_validate(mqtt))
        self.control = Control(read_settings=self._read_settings)
        self.board = StatusBoard()
        self.board.show(Status(state="live"))
        self.sink = MqttSink(self.settings, self.control, self.board, folder)

    def close(self) -> None:
        self.sink.close()

    def health(self) -> str:
        """What ails the connection; waits for something to."""
        wait_for(lambda: self.board.status.health["mqtt"] not in {"connecting", "ok"})
        return self.board.status.health["mqtt"]

    @staticmethod
    def _read_settings() -> Settings:
        raise AgentError("agent.toml: unknown setting 'facs'\nagent.toml: 'device' is wrong")
