"""Opens the API that the settings ask for."""

from __future__ import annotations

import ipaddress
import logging
from contextlib import ExitStack

from agent.settings import Settings

logger = logging.getLogger(__name__)


def open_model_api(settings: Settings, stack: ExitStack) -> str | None:
    """Listen, if the API is on; `stack` closes it. The address that it is at, for people.

    Raises `AgentError` for a port that is taken and for a model or detector that is missing.
    """
    api = settings.api
    if not api.enabled:
        return None
    from agent.http_server import HttpServer  # noqa: PLC0415 - aiohttp takes a moment to load
    from agent.model_api.application import ModelApi  # noqa: PLC0415
    from agent.model_api.worker import Worker  # noqa: PLC0415

    worker = Worker(settings)
    stack.callback(worker.close)
    name = api.model or worker.model.partition("@")[0]
    application = ModelApi(worker, name, api).application()
    server = HttpServer(application, api.host, api.port, "api")
    stack.callback(server.close)
    address = f"http://{server.address}/predictions/{name}"
    logger.info("pictures sent to %s are read", address)
    if not _is_here(api.host):
        logger.warning("api.host %s: whoever reaches it can use the API; it has no login", api.host)
    return address


def _is_here(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
