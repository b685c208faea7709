"""The sink that takes events to the broker, by way of the disk."""

from __future__ import annotations

import json
import logging
import sqlite3
from pathlib import Path
from typing import Final

from agent.control import Control
from agent.feedback.mqtt.commands import Commands
from agent.feedback.mqtt.courier import Courier
from agent.feedback.mqtt.dlstreamer import as_dlstreamer
from agent.feedback.mqtt.login import read_login
from agent.feedback.mqtt.topics import Topics
from agent.feedback.mqtt.visit import Served
from agent.feedback.outbox import Outbox
from agent.feedback.queued import QueuedSink
from agent.places import device_folder
from agent.settings import Settings
from agent.status import StatusBoard
from agent.types import EmotionEvent

logger = logging.getLogger(__name__)

_FAREWELL: Final = 1.3
"""Seconds that closing waits for the broker."""


class MqttSink(QueuedSink):
    """Stores each event on disk within milliseconds; a courier takes it to the broker from there.

    `delivered` counts the events that are stored.
    """

    name = "mqtt"

    def __init__(
        self, settings: Settings, control: Control, board: StatusBoard, folder: Path | None = None
    ) -> None:
        """`folder` holds the outbox; None: the device's part of the state folder.

        Raises `AgentError` for settings that cannot work. A broker that is away is no error.
        """
        mqtt = settings.mqtt
        login = read_login(mqtt)
        path = (folder or device_folder(settings.device)) / "mqtt-outbox.sqlite"
        self.outbox = Outbox(path, mqtt.outbox_events, 3600 * mqtt.outbox_hours)
        """What waits, and what became of the rest."""
        self._topics = Topics(settings.device, mqtt.discovery_prefix)
        self._dialect = mqtt.dialect
        self._board = board
        self._full = False
        commands = Commands(control, board, mqtt.snapshots)
        served = Served(settings.device, mqtt, self._topics, self.outbox, commands, board)
        self._courier = Courier(served, login)
        self._courier.start()
        super().__init__()

    def deliver(self, event: EmotionEvent) -> None:
        message = as_dlstreamer(event) if self._dialect == "dlstreamer" else event.as_dict()
        if message is None:
            return
        try:
            self.outbox.put(self._topics.events, json.dumps(message).encode())
            self._full = False
        except sqlite3.Error as error:
            self.dropped += 1
            if not self._full:
                logger.error("mqtt: events are lost, the outbox cannot be written: %s", error)
            self._full = True
            return
        self._courier.wake()

    def release(self) -> None:
        self._courier.close(_FAREWELL)
        self.outbox.close()
        self._board.forget("mqtt")
