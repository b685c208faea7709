"""The sink that has the nucleus publish events to AWS IoT Core, by way of the disk."""

from __future__ import annotations

from pathlib import Path

from agent.feedback.greengrass.nucleus import Nucleus, NucleusError, require_nucleus
from agent.feedback.hooks.posted import Answer, PostedSink
from agent.places import device_folder, plain_name
from agent.settings import Settings
from agent.status import StatusBoard


class GreengrassSink(PostedSink):
    """Publishes each chosen event to a topic of IoT Core."""

    name = "greengrass"

    def __init__(self, settings: Settings, board: StatusBoard, folder: Path | None = None) -> None:
        """`folder` holds the outbox; None: the device's part of the state folder.

        Raises `AgentError` where no nucleus has started this process. One that restarts or refuses
        is no error.
        """
        greengrass = settings.feedback.greengrass
        require_nucleus("feedback.greengrass.topic")
        topic = (greengrass.topic or "").replace("{device}", plain_name(settings.device))
        road = Publisher(topic, greengrass.timeout)
        folder = folder or device_folder(settings.device)
        super().__init__(greengrass, road, topic, folder, board)


class Publisher:
    """The road to IoT Core: a connection to the nucleus that is kept while it holds."""

    def __init__(self, topic: str, timeout: float) -> None:
        self._topic = topic
        self._timeout = timeout
        self._nucleus: Nucleus | None = None

    def send(self, body: bytes) -> Answer:
        """Publish a message; never raises."""
        try:
            nucleus = self._nucleus or Nucleus(self._timeout)
            self._nucleus = nucleus  # `abort` may take it away
            nucleus.publish(self._topic, body)
        except NucleusError as error:
            self.close()
            words = f"the nucleus does not publish: {error}"
            return Answer("rejected" if error.is_final else "later", words)
        return Answer("delivered")

    def abort(self) -> None:
        """End an attempt that is under way; for any thread."""
        self.close()

    def close(self) -> None:
        """Give the connection back; the next message opens another."""
        nucleus, self._nucleus = self._nucleus, None
        if nucleus is not None:
            nucleus.close()
