"""Where a webhook is, and what is shown to it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from agent.credentials import read_credential
from agent.errors import AgentError
from agent.settings import WebhookSettings
from agent.tls import require_readable, trusting


@dataclass(frozen=True)
class Address:
    """A web server's address; in words it is its host alone, as paths are often secret."""

    host: str
    port: int
    target: str = field(repr=False)
    """Path and query."""
    token: str | None = field(repr=False)
    tls: ssl.SSLContext | None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def read_address(settings: WebhookSettings) -> Address:
    """The address that the settings describe.

    Raises `AgentError` for one that cannot be used, and for files that cannot be read.
    """
    url = settings.url.get_secret_value() if settings.url else ""
    parts, port = _split(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _wrong("it must begin with https:// or http:// and a host")
    if parts.username is not None or parts.password is not None:
        raise _wrong("it must hold no name or password; feedback.webhook.token takes a secret")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise _wrong("it holds characters that must be written as %XX (host names: as xn--)")
    try:
        parts.hostname.encode("idna")  # as the resolver does
    except UnicodeError:
        raise _wrong(f"{parts.hostname!r} is no name of a host; check its dots") from None
    return Address(
        parts.hostname,
        port or (443 if parts.scheme == "https" else 80),
        (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        _token(settings),
        _tls_context(settings.ca_file, parts.scheme == "https"),
    )


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError as error:
        raise _wrong(str(error)) from None


def _wrong(problem: str) -> AgentError:
    return AgentError(f"feedback.webhook.url: {problem}")


def _token(settings: WebhookSettings) -> str | None:
    if settings.token is not None and settings.token_file is not None:
        raise AgentError(
            "feedback.webhook.token and feedback.webhook.token_file: give only one of them"
        )
    token = settings.token.get_secret_value() if settings.token else None
    if settings.token_file is not None:
        token = read_credential("feedback.webhook.token_file", settings.token_file)
    if token is not None and not (token.isascii() and token.isprintable() and token.strip()):
        raise AgentError("feedback.webhook.token: a token has only plain printable characters")
    return token


def _tls_context(ca_file: str | None, encrypted: bool) -> ssl.SSLContext | None:
    if not encrypted:
        if ca_file is not None:
            raise AgentError("feedback.webhook.ca_file is set, but the url is not https://")
        return None
    if ca_file is not None:
        require_readable("feedback.webhook.ca_file", ca_file)
    return trusting("feedback.webhook.ca_file", ca_file)
