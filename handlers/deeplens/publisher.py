"""Messages to AWS IoT, or to whoever listens on the Greengrass core."""

from __future__ import annotations

import json
import logging
from collections import deque
from typing import Any, Final

import greengrasssdk

_KEPT: Final = 200
"""Messages that wait for a core that refuses them; the oldest go first."""

logger = logging.getLogger(__name__)


class Publisher:
    """Publishes to `$aws/things/<thing>/infer`; what the core refuses is tried again later."""

    def __init__(self, thing: str) -> None:
        self.topic = f"$aws/things/{thing}/infer"
        self._client: Any = greengrasssdk.client("iot-data")
        self._waiting: deque[str] = deque(maxlen=_KEPT)
        self._refused = False

    def publish(self, message: dict[str, Any]) -> None:
        """Send a message, after those that wait; never raises."""
        self._waiting.append(json.dumps(message))
        self.flush()

    def flush(self) -> None:
        """Send what waits, oldest first, until the core refuses one."""
        while self._waiting:
            try:
                self._client.publish(
                    topic=self.topic, payload=self._waiting[0], queueFullPolicy="AllOrException"
                )
            except Exception as error:  # the SDK's own kinds, and its connection's
                if not self._refused:
                    logger.warning("the core refuses messages, which wait: %s", error)
                self._refused = True
                return
            self._waiting.popleft()
            if self._refused:
                logger.info("the core takes messages again")
            self._refused = False
