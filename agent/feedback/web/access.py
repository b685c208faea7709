"""The door of the web server: who may ask, by which name, how often, and from which site."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from agent.errors import AgentError
from agent.feedback.web.answers import Done, NoBody, Password
from agent.feedback.web.credentials import SESSION_SECONDS, Credentials
from agent.feedback.web.limits import RateLimit
from agent.feedback.web.operations import COMMAND_HEADER, Operation, answer, body_of, problem
from agent.settings import WebSettings

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SAFE: Final = ("GET", "HEAD")
_RATE: Final = 20.0
"""Requests a second that one client may make over time."""
_BURST: Final = 200
"""Requests that one client may make at once; loading the page takes about 30."""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def check_reach(settings: WebSettings) -> None:
    """Raises `AgentError` if others can reach the address and no secret is needed to come in."""
    guarded = settings.token is not None or settings.password_hash is not None
    if not guarded and not _is_loopback(settings.host):
        raise AgentError(
            f"web.host '{settings.host}': others can reach this address, so web.password_hash or "
            "web.token must be set (`emotion-agent web password` makes the one, "
            "`emotion-agent web token` the other)"
        )


class Access:
    """Checks every request before it is answered."""

    def __init__(self, settings: WebSettings, open_paths: Callable[[str], bool]) -> None:
        """`open_paths` says which paths need no login. Raises `AgentError` for a hash that is none
        and for an address that has to be guarded and is not.
        """
        check_reach(settings)
        self._credentials = Credentials(settings)
        self._open = open_paths
        self._names = {name.lower() for name in (settings.host, *settings.names)}
        self._secure = settings.tls_cert is not None
        self._requests = RateLimit(_RATE, _BURST)
        self._failures = RateLimit(rate=1 / 15, burst=5)
        self._failures_of_all = RateLimit(rate=1, burst=60)
        self._one_at_a_time = asyncio.Lock()

    def operations(self) -> list[Operation]:
        """Logging in and out."""
        return [
            Operation(
                "POST", "/api/v1/login", "Log in by a cookie", self._login, Done,
                body=Password, open=True,
            ),
            Operation(
                "POST", "/api/v1/logout", "Log out", self._logout, Done, body=NoBody, open=True
            ),
        ]  # fmt: skip

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer, or say why not."""
        refusal = self._foreign(request) or self._too_often(request) or self._stranger(request)
        if refusal is not None:
            return refusal
        try:
            return await handler(request)
        except AgentError as error:
            return problem(400, "; ".join(str(error).splitlines()))
        except web.HTTPException as error:
            if error.status < 400:
                raise
            allow = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
            return problem(error.status, error.reason, **allow)

    @staticmethod
    async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
        """Tell browsers what they must not do with any of our answers."""
        response.headers.update(_HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.pop("Server", None)

    def _foreign(self, request: web.Request) -> web.Response | None:
        """Requests that a foreign site has a browser make."""
        if not self._is_our_name(request.host):
            return problem(403, "this machine is not known by that name; see web.names")
        # A link to the page from anywhere is harmless; the page's parts are for the page alone.
        navigation = request.headers.get("Sec-Fetch-Mode") == "navigate" and request.method == "GET"
        site = request.headers.get("Sec-Fetch-Site", "none")
        if site not in ("none", "same-origin") and not navigation:
            return problem(403, "a foreign site asks")
        if request.method in _SAFE:
            return None
        origin = request.headers.get("Origin")
        if origin is not None and _place(origin) != request.host.lower():
            return problem(403, "a foreign site asks")
        if COMMAND_HEADER not in request.headers and "Authorization" not in request.headers:
            return problem(403, f"the header {COMMAND_HEADER} is missing")
        return None

    def _too_often(self, request: web.Request) -> web.Response | None:
        if self._requests.take(request.remote):
            return None
        return problem(429, "too many requests", **{"Retry-After": "5"})

    def _stranger(self, request: web.Request) -> web.StreamResponse | None:
        """Requests without token or session, where that is needed."""
        if not self._credentials.needed or self._open(request.path):
            return None
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if token and kind.lower() == "bearer":
            if not self._may_try(request):
                return _too_many_tries()
            if self._credentials.is_token(token.strip()):
                return None
            self._count_failure(request)
        elif self._credentials.is_session(request.cookies.get(self._cookie(request), "")):
            return None
        elif request.method == "GET" and request.path == "/":
            return web.Response(status=303, headers={"Location": "/login"})
        return problem(401, "a token or a login is needed", **{"WWW-Authenticate": "Bearer"})

    async def _login(self, request: web.Request) -> web.Response:
        given = await body_of(request, Password)
        if not self._credentials.needed:
            return answer(Done(done="no login is needed"))
        # A client that leaves before it is answered has tried all the same.
        refusal = await asyncio.shield(self._refusal(request, given.password))
        if refusal is not None:
            return refusal
        response = answer(Done(done="logged in"))
        response.set_cookie(
            self._cookie(request),
            self._credentials.new_session(),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="Strict",
            secure=self._secure,
        )
        return response

    async def _refusal(self, request: web.Request, password: str) -> web.Response | None:
        """Why this password does not open; None if it does. Costs the processor: one at a time."""
        async with self._one_at_a_time:
            if not self._may_try(request):
                return _too_many_tries()
            if await asyncio.to_thread(self._credentials.is_password, password):
                return None
            self._count_failure(request)
            return problem(401, "wrong password")

    async def _logout(self, request: web.Request) -> web.Response:
        await body_of(request, NoBody)
        response = answer(Done(done="logged out"))
        response.del_cookie(
            self._cookie(request), httponly=True, samesite="Strict", secure=self._secure
        )
        return response

    def _may_try(self, request: web.Request) -> bool:
        return self._failures.has(request.remote) and self._failures_of_all.has(None)

    def _count_failure(self, request: web.Request) -> None:
        self._failures.take(request.remote)
        self._failures_of_all.take(None)
        logger.warning("web: wrong password or token from %s", request.remote)

    def _cookie(self, request: web.Request) -> str:
        """Cookies know no ports: two agents of one machine must not share theirs."""
        port = urlsplit(f"//{request.host}").port or (443 if self._secure else 80)
        return f"{'__Host-' if self._secure else ''}emotion-agent-{port}"

    def _is_our_name(self, host: str) -> bool:
        """Addresses are always ours: only a name can be pointed elsewhere (DNS rebinding)."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
            _ = urlsplit(f"//{host}").port
        except ValueError:
            return False
        name = name.rstrip(".")
        # A machine may be given another name while the agent runs.
        return name in self._names or _is_address(name) or name in _own_names()


def _too_many_tries() -> web.Response:
    return problem(429, "too many wrong tries; wait a minute", **{"Retry-After": "60"})


def _place(origin: str) -> str:
    """Host and port of an origin; empty if it is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _own_names() -> set[str]:
    own = socket.gethostname().lower()
    return {"localhost", own, f"{own}.local", f"{own.partition('.')[0]}.local"}


def _is_address(name: str) -> bool:
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    return _is_address(host) and ip_address(host.partition("%")[0]).is_loopback
