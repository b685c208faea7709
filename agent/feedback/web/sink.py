"""The sink behind the page: it serves, and tells those who look what happens."""

from __future__ import annotations

import logging
from contextlib import suppress

from agent.control import Control
from agent.feedback.sink import Sink
from agent.feedback.web.api import Api
from agent.feedback.web.application import make_application
from agent.feedback.web.certificate import certificate_of
from agent.feedback.web.metrics import Metrics
from agent.http_server import AddressTakenError, HttpServer
from agent.settings import Settings
from agent.status import StatusBoard
from agent.types import EmotionEvent

logger = logging.getLogger(__name__)


class WebSink:
    """Serves the page, the API and the metrics until it is closed."""

    name = "page"

    def __init__(
        self, settings: Settings, control: Control, board: StatusBoard, sinks: list[Sink]
    ) -> None:
        """`sinks` are those whose health and counters are shown; the list may still grow.

        Raises `AddressTakenError`, and `AgentError` for settings that cannot work.
        """
        certificate = certificate_of(settings.web)
        self._api = Api(settings, control, board, sinks)
        self._metrics = Metrics(self._api.reporter, self._api.feed, self._api.preview)
        application = make_application(settings.web, self._api, self._metrics)
        tls = None
        if certificate is not None:
            tls = certificate.context
            application.cleanup_ctx.append(certificate.keep_fresh)
        self._server = HttpServer(application, settings.web.host, settings.web.port, "web", tls)
        self.address = f"http{'s' if tls else ''}://{self._server.address}/"
        """Where the page is."""
        logger.info("the page is at %s", self.address)

    def publish(self, event: EmotionEvent) -> None:
        """Tell those who listen; costs next to nothing where nobody does."""
        self._metrics.events[event.type, event.emotion] += 1
        with suppress(RuntimeError):  # the server's loop has ended
            self._server.loop.call_soon_threadsafe(self._tell, event)

    def close(self) -> None:
        """End all connections."""
        self._server.close()

    def _tell(self, event: EmotionEvent) -> None:
        self._api.feed.send("emotion", event.as_dict())


def open_page(
    settings: Settings, control: Control, board: StatusBoard, sinks: list[Sink]
) -> WebSink | None:
    """The page; None, with a line in the log, where the usual port is taken and no other was set.

    Raises `AgentError` for settings that cannot work.
    """
    try:
        return WebSink(settings, control, board, sinks)
    except AddressTakenError as error:
        if "port" in settings.web.model_fields_set:
            raise
        logger.warning("going on without the page: %s", error)
        return None
