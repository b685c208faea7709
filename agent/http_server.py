"""An HTTP server in a thread of its own: nothing it does can hold up the vision loop."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import ssl
import threading
from typing import Any, Final

from aiohttp import web, web_app
from aiohttp.http_exceptions import HttpProcessingError

from agent.errors import AgentError
from agent.http_connections import SILENCE, ConnectionLimits

logger = logging.getLogger(__name__)

_GRACE: Final = 0.5
"""Seconds that answers which are being given may still take when the server closes."""
_KEPT: Final = 60.0
"""Seconds that a connection may rest between two requests."""
_PATIENCE: Final = 5.0
"""Seconds after which closing goes on without a handler that blocks the server's thread."""


def _is_of_ours(record: logging.LogRecord) -> bool:
    """Whether a record is about more than a request that is no HTTP; that gets one line instead."""
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError):
        return True
    logger.debug("a request is no HTTP: %s", " ".join(error.message.split()))
    return False


_requests = logging.getLogger(f"{__name__}.requests")
_requests.addFilter(_is_of_ours)


class AddressTakenError(AgentError):
    """Another program listens there already."""


class _Loop(asyncio.SelectorEventLoop):
    """Gives up TLS handshakes that do not come on: connections that have none yet are not among the
    server's, aiohttp sets no limit for them, and that of asyncio is a minute.
    """

    async def create_server(self, *given: Any, **named: Any) -> asyncio.Server:
        if named.get("ssl") is not None:
            named["ssl_handshake_timeout"] = SILENCE
        return await super().create_server(*given, **named)


class HttpServer:
    """Serves an aiohttp application until it is closed.

    The application's handlers run in the server's thread, on its own event loop, and are cancelled
    when their client goes away. One client can hold so many connections only. Streams that never
    end should end by the application's `on_shutdown`; otherwise they are cut off within seconds.
    """

    def __init__(
        self,
        application: web.Application,
        host: str,
        port: int,
        setting: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Listens when this returns; port 0 takes any that is free.

        `setting` is the section of the settings that host and port come from (`web`), for
        messages. Raises `AddressTakenError`; `AgentError` for an address that is not here.
        """
        self._loop = _Loop()
        self._limits = ConnectionLimits(application)
        self._sweeping: asyncio.Task[None] | None = None
        self._runner = web.AppRunner(
            application,
            access_log=None,
            logger=_requests,
            handler_cancellation=True,
            keepalive_timeout=_KEPT,
            shutdown_timeout=_GRACE,
        )
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"http {setting}", daemon=True)
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(self._listen(host, port, tls), self._loop)
        try:
            self.port = listening.result()
        except OSError as error:
            self.close()
            raise _told(error, host, port, setting) from None
        except BaseException:
            self.close()
            raise
        self.host = host

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where the handlers run; other threads reach them by `call_soon_threadsafe`."""
        return self._loop

    @property
    def address(self) -> str:
        """Host and port as an address has them, IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def close(self) -> None:
        """End every connection and give the port back; returns within seconds, also twice."""
        if self._closed:
            return
        self._closed = True
        asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            logger.warning("%s does not end; going on without it", self._thread.name)
        _forget_handlers()

    async def _listen(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        await self._runner.setup()
        assert self._runner.server is not None  # set up
        self._sweeping = self._loop.create_task(self._limits.keep(self._runner.server))
        await web.TCPSite(self._runner, host, port, ssl_context=tls).start()
        return int(self._runner.addresses[0][1])

    async def _end(self) -> None:
        try:
            if self._sweeping is not None:
                self._sweeping.cancel()
            await self._runner.cleanup()
        finally:
            self._loop.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(_end_handshakes())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()


async def _end_handshakes() -> None:
    """Cancel what the server's end has left: TLS handshakes, which it does not know of."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def _forget_handlers() -> None:
    """Clear aiohttp's cache of handlers, which keeps every application that has answered alive."""
    for name in ("_cached_build_middleware", "_build_middlewares"):  # the latter before 3.11
        clear = getattr(getattr(web_app, name, None), "cache_clear", None)
        if clear is not None:
            clear()


def _told(error: OSError, host: str, port: int, setting: str) -> AgentError:
    """What is wrong with the address, by the setting that can mend it."""
    if error.errno == errno.EADDRINUSE:
        return AddressTakenError(
            f"{setting}.port {port}: another program listens on {host}:{port}; choose another port"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return AgentError(
            f"{setting}.port {port}: this user may not listen there; choose a port from 1024 on"
        )
    # Failures of the name lookup have negative numbers and words of their own.
    named = error.errno is None or error.errno < 0
    why = error.strerror if named else os.strerror(error.errno or 0)
    return AgentError(f"{setting}.host '{host}': cannot listen on it: {why or error}")
