"""A client of the API, and an API to ask."""

from __future__ import annotations

import json
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPResponse
from typing import Any, Final, NamedTuple

from agent.http_server import HttpServer
from agent.model_api.application import ModelApi
from agent.model_api.worker import Worker
from agent.settings import ApiSettings
from tests.patience import PATIENCE

MOST: Final = 200_000
"""Bytes of the largest request that the API under test takes."""
JPEG: Final = "image/jpeg"
NO_MODEL: Final = {
    "code": 404,
    "type": "ModelNotFoundException",
    "message": "Model not found: nope",
}


class Served(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks an API, on a connection of its own each time."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(
        self, method: str, path: str, body: bytes | None = None, kind: str | None = None
    ) -> Served:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            return served(connection.getresponse())
        finally:
            connection.close()


def served(response: HTTPResponse) -> Served:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Served(response.status, headers, response.read())


def serve(worker: Worker, stack: ExitStack, queue: int) -> Client:
    """An API named `fer`, closed by the stack."""
    settings = ApiSettings(queue=queue, max_request_size=MOST)
    application = ModelApi(worker, "fer", settings).application()
    server = HttpServer(application, "127.0.0.1", 0, "api")
    stack.callback(server.close)
    return Client(server.port)


def form(*fields: tuple[str, bytes]) -> tuple[bytes, str]:
    """A multipart body and its content type."""
    parts = [
        b'--edge\r\nContent-Disposition: form-data; name="%s"; filename="x"\r\n\r\n%s\r\n'
        % (name.encode(), content)
        for name, content in fields
    ]
    return b"".join(parts) + b"--edge--\r\n", "multipart/form-data; boundary=edge"
