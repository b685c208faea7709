"""Keeps one client of an HTTP server from holding all of its connections."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

from aiohttp import web

MOST_OF_ONE: Final = 150
"""Connections that one address may hold; the newest beyond are closed."""
_MOST: Final = 400
"""Connections of all together; a process may usually have 1024 files open."""
SILENCE: Final = 10.0
"""Seconds in which a new connection must have asked something; the TLS handshake has as many more.
"""
_EVERY: Final = 0.5
"""Seconds between two looks."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ConnectionLimits:
    """Closes connections that are too many, and those that ask nothing."""

    def __init__(self, application: web.Application) -> None:
        """Before the application is set up: takes note of every request it gets."""
        self._since: dict[web.RequestHandler, float] = {}
        self._asked: set[web.RequestHandler] = set()
        application.middlewares.insert(0, self._note)

    @web.middleware
    async def _note(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        self._asked.add(request.protocol)
        return await handler(request)

    async def keep(self, server: web.Server) -> None:
        """Look after the connections of a server until cancelled."""
        while True:
            self._sweep(server.connections, monotonic())
            await asyncio.sleep(_EVERY)

    def _sweep(self, connections: list[web.RequestHandler], now: float) -> None:
        held: Counter[str] = Counter()
        self._since = {one: self._since.get(one, now) for one in connections}
        self._asked &= self._since.keys()
        by_age = sorted(connections, key=self._since.__getitem__)
        for count, connection in enumerate(by_age):
            transport = connection.transport
            if transport is None:
                continue
            address = str((transport.get_extra_info("peername") or [""])[0])
            held[address] += 1
            silent = connection not in self._asked and now - self._since[connection] > SILENCE
            if silent or count >= _MOST or held[address] > MOST_OF_ONE:
                transport.abort()
