"""A model server as small as can be, over a real socket, that can do everything wrong."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from agent.inference.bodies import crops_in
from agent.inference.request import Part
from tests.patience import PATIENCE
from tests.ports import free_port

Faces = npt.NDArray[np.uint8]
Read = Callable[[Faces], npt.NDArray[np.float32]]


class MisbehavingServer:
    """Answers predictions over HTTP as the project's handler does, or as `behaviour` says.

    Behaviours: `good`; `hang` (reads and never answers); `slow` (answers after `delay` seconds);
    `drip` (a byte of the answer at a time); `half` (hangs up in the middle of the answer); `hang
    up` (closes without an answer); `reset`; `not http`; `not json`; `no probabilities`; `other
    model`; `seven`; `few`; `sums`; `nan`; `huge`; a number: that status, with MMS's error body.
    """

    def __init__(self, read: Read, model: str, side: int, unix: Path | None = None) -> None:
        self.behaviour = "good"
        self.delay = 0.5
        self.keeps_open = True
        """Whether a connection is used for more than one request."""
        self.batches: list[int] = []
        """Crops of each request that was read."""
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self._read = read
        self._model = model
        self._side = side
        self._unix = unix
        self._port = 0 if unix else free_port()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    @property
    def address(self) -> str:
        return f"unix:{self._unix}" if self._unix else f"http://127.0.0.1:{self._port}"

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
        """Listen; on the same address as before where it has listened already."""
        if self._unix:
            self._unix.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(self._unix))
        else:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self._port))
        listener.listen()
        self._listener = listener
        self._run(self._accept, listener)

    def stop(self) -> None:
        """Be gone, as a killed server is: nothing listens, every connection is reset."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for connection in list(self._open):
            _reset(connection)
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        self._threads.clear()

    def _run(self, work: Callable[[socket.socket], None], on: socket.socket) -> None:
        thread = threading.Thread(target=work, args=(on,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.connections += 1
                self._open.add(connection)
                self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection, connection.makefile("rb") as stream:
            while head := _head(stream):
                path, headers = head
                body = stream.read(int(headers["content-length"]))
                self._answer(connection, path, headers, body)
                if not self.keeps_open:
                    break
        self._open.discard(connection)

    def _answer(
        self, connection: socket.socket, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        crops = crops_in([Part("body", body, headers["content-type"])], self._side)
        assert crops is not None
        with self._lock:
            self.batches.append(len(crops))
            self.paths.append(path)
            self.headers.append(headers)
            rows = [[float(p) for p in row] for row in self._read(crops)]
        kind = self.behaviour
        if kind == "hang":
            self._while_hanging(connection)
        elif kind == "slow":
            time.sleep(self.delay)
        elif kind == "hang up":
            connection.shutdown(socket.SHUT_RDWR)
            return
        elif kind == "reset":
            _reset(connection)
            return
        answer = self._bytes(kind, rows)
        if kind == "drip":
            for number in answer:
                connection.sendall(bytes([number]))
                time.sleep(0.02)
        elif kind == "half":
            connection.sendall(answer[: len(answer) // 2])
            connection.shutdown(socket.SHUT_RDWR)
        else:
            connection.sendall(answer)

    def _while_hanging(self, connection: socket.socket) -> None:
        """Wait until told to behave; somebody who hangs up in the meantime gets no answer."""
        while self.behaviour == "hang":
            time.sleep(0.01)
            if connection not in self._open or _hung_up(connection):
                raise ConnectionError

    def _bytes(self, kind: str, rows: list[list[float]]) -> bytes:
        """The whole answer."""
        if kind == "not http":
            return b"220 smtp.example ready\r\n"
        status = int(kind) if kind.isdigit() else 200
        refusal = {"code": status, "type": "InternalServerException", "message": f"it is {kind}"}
        good = {"model": self._model, "probabilities": rows}
        wrong: dict[str, Any] = {
            "other model": good | {"model": "other@9.9.9"},
            "no probabilities": [{"happiness": 1.0}],
            "seven": good | {"probabilities": [row[:7] for row in rows]},
            "few": good | {"probabilities": [*rows, rows[0]]},
            "sums": good | {"probabilities": [[2 * p for p in row] for row in rows]},
            "nan": good | {"probabilities": [[float("nan")] * 8 for _ in rows]},
            "huge": good | {"more": "x" * 3_000_000},
        }
        body = json.dumps(refusal if status != 200 else wrong.get(kind, good), indent=2).encode()
        if kind == "not json":
            body = b"<html>It works!</html>"
        head = f"HTTP/1.1 {status} \r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _head(stream: Any) -> tuple[str, dict[str, str]] | None:
    """Path and headers (names in lower case) of the next request; None at the end."""
    first = stream.readline().decode().split()
    if not first:
        return None
    headers = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return first[1], headers


def _hung_up(connection: socket.socket) -> bool:
    with suppress(BlockingIOError):
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return False


def _reset(connection: socket.socket) -> None:
    """Close so that the other side is told at once (for TCP: by a reset, not by an end)."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
