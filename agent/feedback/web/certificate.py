"""The page's certificate, taken up anew where its files are replaced: most live for weeks only."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from aiohttp import web

from agent.errors import AgentError
from agent.file_watch import FileWatch
from agent.settings import WebSettings
from agent.tls import require_readable, show

logger = logging.getLogger(__name__)

_SETTINGS: Final = "web.tls_cert and web.tls_key"
_EVERY: Final = 5.0
"""Seconds between two looks at the files."""


class Certificate:
    """A certificate with its key, and the TLS context that shows it."""

    def __init__(self, certificate: Path, key: Path | None) -> None:
        """`key` is None where it stands in the certificate's file. Raises `AgentError` for files
        that cannot be used.
        """
        self._files = certificate, key
        self._watches = [FileWatch(file, every=0.0) for file in self._files]
        self.context = self._loaded()

    async def keep_fresh(self, _: web.Application) -> AsyncIterator[None]:
        """For an application's `cleanup_ctx`: look after the files while the server runs."""
        task = asyncio.create_task(self._keep_looking())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            changed = [watch.has_changed() for watch in self._watches]
            if any(changed):
                self._take_up()

    def _take_up(self) -> None:
        """Show the new certificate from the next connection on, or keep the former one."""
        try:
            self._loaded()  # into a context of its own: a wrong key would break the one in use
            show(self.context, _SETTINGS, *self._files)
        except AgentError as error:
            logger.warning("the page keeps its former certificate: %s", error)
        else:
            logger.info("the page has a new certificate: %s", self._files[0])

    def _loaded(self) -> ssl.SSLContext:
        certificate, key = self._files
        for setting, file in (("tls_cert", certificate), ("tls_key", key)):
            if file is not None:
                require_readable(f"web.{setting}", file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        show(context, _SETTINGS, certificate, key)
        return context


def certificate_of(settings: WebSettings) -> Certificate | None:
    """The certificate that the settings name; raises `AgentError` where it cannot be used."""
    key = settings.tls_key
    if settings.tls_cert is not None:
        return Certificate(Path(settings.tls_cert), Path(key) if key else None)
    if key is not None:
        raise AgentError("web.tls_key is set, but web.tls_cert is not")
    return None
