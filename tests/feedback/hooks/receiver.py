"""A real web server on 127.0.0.1 that takes what is posted, and can misbehave in every way."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any

from typing_extensions import Self

Behaviour = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        posted = Posted(self.path, dict(self.headers), self.rfile.read(length), monotonic())
        self.server.receiver.take(posted, self)

    def answer(self, status: int, headers: dict[str, str] | None = None) -> None:
        with suppress(OSError):
            self.send_response(status)
            for name, value in {"Content-Length": "0", **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()

    def hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def hang(request: Request) -> None:
    """Never answer."""
    sleep(3600)


@dataclass(frozen=True)
class Posted:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    """`time.monotonic()`"""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        self.receiver.connections.append(connection)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients hang up here


@dataclass
class Receiver:
    """Answers 204 to all, unless `behave` or `script` say otherwise; may be stopped and started."""

    certificates: Path | None = None
    """Folder with `broker.crt` and `broker.key`; then it speaks TLS."""
    posted: list[Posted] = field(default_factory=list)
    """Everything that came, whatever was answered."""
    taken: list[Any] = field(default_factory=list)
    """The JSON of what was answered with 2xx."""
    script: list[int | Behaviour] = field(default_factory=list)
    """What is done with the next requests: statuses to answer, or anything else."""
    connections: list[socket.socket] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = _Server(("127.0.0.1", self.port), Request)
        self._server.receiver = self
        self.port = self._server.server_address[1]
        if self.certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(
                self.certificates / "broker.crt", self.certificates / "broker.key"
            )
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Close everything, as a death does."""
        self._server.shutdown()
        self._server.server_close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close every connection."""
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self.connections.clear()

    def take(self, posted: Posted, request: Request) -> None:
        self.posted.append(posted)
        what = self.script.pop(0) if self.script else 204
        if callable(what):
            what(request)
            return
        if 200 <= what < 300:
            self.taken.append(posted.json)
        request.answer(what)

    @property
    def frames(self) -> list[int]:
        """The frame of each event that was taken."""
        return [event["frame"] for event in self.taken]
