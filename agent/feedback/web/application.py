"""Puts the web server's application together: API, metrics, page, and the door before them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from aiohttp import web

from agent.feedback.web.access import Access
from agent.feedback.web.api import Api
from agent.feedback.web.metrics import Metrics
from agent.feedback.web.operations import Operation, openapi
from agent.settings import WebSettings

logger = logging.getLogger(__name__)

_TICK: Final = 0.5
"""Seconds between two states of the feed."""
_LARGEST: Final = 4096
"""Bytes of a request's body."""
_PAGE: Final = Path(__file__).with_name("page")
_KINDS: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_BEFORE_LOGIN: Final = (
    "/login", "/login.js", "/server.js", "/style.css", "/icon.svg", "/favicon.ico"
)  # fmt: skip


def make_application(settings: WebSettings, api: Api, metrics: Metrics) -> web.Application:
    """The application, to be served. Raises `AgentError` for settings that cannot work."""
    operations = api.operations()
    open_paths = set(_BEFORE_LOGIN)
    access = Access(settings, lambda path: path in open_paths)
    operations += access.operations()
    open_paths |= {operation.path for operation in operations if operation.open}
    application = web.Application(
        middlewares=[access.check],
        client_max_size=_LARGEST,
        handler_args={"max_line_size": _LARGEST, "max_field_size": _LARGEST},
    )
    application.on_response_prepare.append(access.add_headers)
    for operation in operations:
        application.router.add_route(operation.method, operation.path, operation.handler)
    _add_document(application, operations)
    _add_metrics(application, metrics)
    _add_page(application)

    async def end_streams(_: web.Application) -> None:
        api.end_streams()

    application.on_shutdown.append(end_streams)
    application.cleanup_ctx.append(lambda _: _telling(api))
    return application


async def _telling(api: Api) -> AsyncIterator[None]:
    """Tell those who listen the state, for as long as the server runs."""

    async def tell() -> None:
        failed = False
        while True:
            try:
                if api.feed.listeners:
                    api.feed.send("state", api.reporter.state().model_dump(mode="json"), state=True)
                failed = False
            except Exception:
                # A task that ended here would leave every page without a state for good.
                if not failed:
                    logger.exception("web: the state cannot be told; trying again")
                failed = True
            await asyncio.sleep(_TICK)

    task = asyncio.create_task(tell())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _add_document(application: web.Application, operations: list[Operation]) -> None:
    document = cache(lambda: openapi(operations))  # made where it is first asked for

    async def show(_: web.Request) -> web.Response:
        return web.json_response(document())

    application.router.add_get("/api/v1/openapi.json", show)


def _add_metrics(application: web.Application, metrics: Metrics) -> None:
    async def show(_: web.Request) -> web.Response:
        text = metrics.text()
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return web.Response(body=text, headers={"Content-Type": kind})

    application.router.add_get("/metrics", show)


def _add_page(application: web.Application) -> None:
    """The files of the page, each at its own address: there is no path to walk out of."""
    addresses = {"index.html": "/", "login.html": "/login"}
    for name in _files():
        application.router.add_get(addresses.get(name, f"/{name}"), _show_file)
    application.router.add_get("/favicon.ico", _show_file)


async def _show_file(request: web.Request) -> web.Response:
    name = {"/": "index.html", "/login": "login.html", "/favicon.ico": "icon.svg"}.get(
        request.path, request.path[1:]
    )
    content, kind = _files()[name]
    return web.Response(
        body=content,
        content_type=kind,
        charset="utf-8",
        headers={"Cache-Control": "no-cache"},
    )


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    """Content and media type by name."""
    return {
        file.name: (file.read_bytes(), _KINDS[file.suffix])
        for file in sorted(_PAGE.iterdir())
        if file.suffix in _KINDS
    }
