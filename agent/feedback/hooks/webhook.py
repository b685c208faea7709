"""The sink that posts events to a web server, by way of the disk."""

from __future__ import annotations

from pathlib import Path

from agent.feedback.hooks.address import read_address
from agent.feedback.hooks.post import Poster
from agent.feedback.hooks.posted import PostedSink
from agent.places import device_folder
from agent.settings import Settings
from agent.status import StatusBoard


class WebhookSink(PostedSink):
    """Posts each chosen event to an address."""

    name = "webhook"

    def __init__(self, settings: Settings, board: StatusBoard, folder: Path | None = None) -> None:
        """`folder` holds the outbox; None: the device's part of the state folder.

        Raises `AgentError` for settings that cannot work. A server that is away is no error.
        """
        webhook = settings.feedback.webhook
        road = Poster(lambda: read_address(webhook), webhook.timeout)
        folder = folder or device_folder(settings.device)
        super().__init__(webhook, road, road.host, folder, board)
