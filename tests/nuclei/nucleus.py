"""A stand-in for the Greengrass nucleus: its IPC server, spoken to by AWS's real client.

A Unix domain socket with the event stream RPC protocol (frames with checksums, connection
handshake with a token, one stream a request), as far as a component uses it here: it records what
is published to IoT Core, and answers with a configuration. It can refuse, hang and go away.
"""

from __future__ import annotations

import base64
import json
import socket
import socketserver
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Any, Final, NamedTuple

from typing_extensions import Self

TOKEN: Final = "a-token"
_MESSAGE, _ERROR, _CONNECT, _CONNECT_ACK = 0, 1, 4, 5
_ACCEPTED, _TERMINATE = 1, 2
_INT32, _STRING = 4, 7
_WIDTHS: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type; 6 and 7 begin with their length."""


class Published(NamedTuple):
    topic: str
    qos: str
    payload: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class _Frame(NamedTuple):
    headers: dict[str, Any]
    payload: bytes


@dataclass
class _Conduct:
    """How the nucleus behaves, and what it has seen."""

    token: str = TOKEN
    configuration: dict[str, Any] = field(default_factory=dict)
    refusal: str | None = None
    """Name of the error that answers every publish."""
    hangs: bool = False
    """Takes requests and never answers."""
    published: list[Published] = field(default_factory=list)
    attempts: int = 0
    connections: int = 0
    changed: Condition = field(default_factory=Condition)
    freed: Event = field(default_factory=Event)


class _Server(socketserver.ThreadingUnixStreamServer):
    """Knows its open connections, to end them."""

    daemon_threads = True

    def __init__(self, address: str, conduct: _Conduct) -> None:
        super().__init__(address, _Visit)
        self.conduct = conduct
        self.lines: list[socket.socket] = []

    def hang_up(self) -> None:
        for line in list(self.lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may go away at any time."""


class _Visit(socketserver.StreamRequestHandler):
    """One connection of a component."""

    server: _Server

    def handle(self) -> None:
        conduct = self.server.conduct
        self.server.lines.append(self.connection)
        with suppress(OSError, EOFError):
            frame = _read(self.rfile)
            assert frame.headers[":message-type"] == _CONNECT, frame
            is_known = json.loads(frame.payload) == {"authToken": conduct.token}
            conduct.connections += 1
            self._send(_CONNECT_ACK, _ACCEPTED if is_known else 0, 0)
            while True:  # whoever is refused hangs up, too
                frame = _read(self.rfile)
                if is_known:
                    self._answer(frame)

    def _answer(self, frame: _Frame) -> None:
        conduct, stream = self.server.conduct, frame.headers[":stream-id"]
        if frame.headers[":message-flags"] & _TERMINATE:
            return  # the client is done with a stream
        if conduct.hangs:
            conduct.attempts += 1
            conduct.freed.wait()
            raise EOFError
        operation = frame.headers["operation"].removeprefix("aws.greengrass#")
        asked = json.loads(frame.payload)
        if operation == "GetConfiguration":
            model, answer = self._configuration(asked["keyPath"])
        else:
            model, answer = self._publish(operation, asked)
        kind = _ERROR if model.endswith("Error") else _MESSAGE
        self._send(kind, _TERMINATE, stream, f"aws.greengrass#{model}", answer)

    def _configuration(self, path: list[str]) -> tuple[str, dict[str, Any]]:
        value: Any = self.server.conduct.configuration
        for name in path:
            if name not in value:
                return "ResourceNotFoundError", {"message": "Key not found"}
            value = value[name]
        if not isinstance(value, dict):
            value = {path[-1]: value}
        return "GetConfigurationResponse", {"componentName": "EmotionAgent", "value": value}

    def _publish(self, operation: str, asked: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        assert operation == "PublishToIoTCore", operation
        conduct = self.server.conduct
        with conduct.changed:
            conduct.attempts += 1
            if conduct.refusal is not None:
                return conduct.refusal, {"message": "not now"}
            payload = base64.b64decode(asked["payload"])
            conduct.published.append(Published(asked["topicName"], asked["qos"], payload))
            conduct.changed.notify_all()
        return "PublishToIoTCoreResponse", {}

    def _send(
        self, kind: int, flags: int, stream: int, model: str = "", answer: Any = None
    ) -> None:
        numbers = {":message-type": kind, ":message-flags": flags, ":stream-id": stream}
        words = {"service-model-type": model, ":content-type": "application/json"} if model else {}
        payload = json.dumps(answer).encode() if model else b""
        self.wfile.write(_written(numbers | words, payload))


class Nucleus:
    """The stand-in on a socket; `stop` and `start` are its restart."""

    def __init__(self, path: Path, **conduct: Any) -> None:
        assert len(str(path)) < 100, "a path too long for a Unix domain socket"
        self.path = path
        self.conduct = _Conduct(**conduct)
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.conduct.freed.set()
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What a nucleus gives to the processes of a component."""
        return {
            "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT": str(self.path),
            "SVCUID": TOKEN,
            "AWS_IOT_THING_NAME": "hall-camera",
        }

    @property
    def published(self) -> list[Published]:
        return list(self.conduct.published)

    def start(self) -> None:
        self.path.unlink(missing_ok=True)
        self._server = _Server(str(self.path), self.conduct)
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Go away with every connection, as a nucleus does that is being restarted."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.hang_up()
            server.server_close()
            self.path.unlink(missing_ok=True)


def _read(stream: BufferedIOBase) -> _Frame:
    prelude = _exactly(stream, 12)
    total, header_bytes, check = struct.unpack(">III", prelude)
    assert zlib.crc32(prelude[:8]) == check, "damaged prelude"
    rest = _exactly(stream, total - 12)
    assert zlib.crc32(prelude + rest[:-4]) == struct.unpack(">I", rest[-4:])[0], "damaged frame"
    return _Frame(dict(_headers(rest[:header_bytes])), rest[header_bytes:-4])


def _exactly(stream: BufferedIOBase, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _headers(data: bytes) -> Iterator[tuple[str, Any]]:
    at = 0
    while at < len(data):
        length = data[at]
        name, kind = data[at + 1 : at + 1 + length].decode(), data[at + 1 + length]
        at += length + 2
        if kind in (6, _STRING):
            width = struct.unpack_from(">H", data, at)[0]
            at += 2
        else:
            width = _WIDTHS[kind]
        value: Any = data[at : at + width]
        at += width
        yield name, value.decode() if kind == _STRING else int.from_bytes(value, "big")


def _written(headers: dict[str, int | str], payload: bytes) -> bytes:
    block = b""
    for name, value in headers.items():
        block += struct.pack(">B", len(name)) + name.encode()
        if isinstance(value, int):
            block += struct.pack(">Bi", _INT32, value)
        else:
            block += struct.pack(">BH", _STRING, len(value)) + value.encode()
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return frame + struct.pack(">I", zlib.crc32(frame))
