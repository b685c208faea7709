"""Talks to a model server: one request, one answer."""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.patience import PATIENCE


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    content_type: str | None
    content: bytes

    @property
    def body(self) -> Any:
        assert self.content_type == "application/json", self
        return json.loads(self.content)


def ask(
    port: int,
    method: str,
    path: str,
    content: bytes = b"",
    content_type: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Send a request to 127.0.0.1 and read the whole answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    kind = {"Content-Type": content_type} if content_type else {}
    try:
        connection.request(method, path, content, {**kind, **(headers or {})})
        response = connection.getresponse()
        return Reply(response.status, response.getheader("Content-Type"), response.read())
    finally:
        connection.close()


def form(parts: Mapping[str, tuple[bytes, str | None]]) -> tuple[bytes, str]:
    """A multipart form of files (with a type) and fields (without); the body and its type."""
    boundary = secrets.token_hex(16)
    lines = []
    for name, (content, kind) in parts.items():
        file = f'; filename="{name}"' if kind else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n'
        typed = f"Content-Type: {kind}\r\n" if kind else ""
        lines.append(f"{head}{typed}\r\n".encode() + content + b"\r\n")
    lines.append(f"--{boundary}--\r\n".encode())
    return b"".join(lines), f"multipart/form-data; boundary={boundary}"
