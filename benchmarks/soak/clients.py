"""Clients of the page: one that reads its stream for hours, and some that read nothing."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Thread
from urllib.request import urlopen

STREAM, PICTURE = "/api/v1/events/stream", "/api/v1/preview.mjpg"


class Reader:
    """Somebody who has the page open: reads the stream, and opens it again when it ends."""

    def __init__(self, port: int) -> None:
        self.events = 0
        """Events that came by the stream."""
        self.opened = 0
        """How often the stream was opened: the page is opened anew with changed settings."""
        self._address = f"http://127.0.0.1:{port}{STREAM}"
        self._over = Event()
        self._thread = Thread(target=self._read, name="page", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._over.is_set():
            with suppress(OSError), urlopen(self._address, timeout=30) as stream:
                self.opened += 1
                for line in stream:
                    self.events += line.startswith(b"event: emotion")
                    if self._over.is_set():
                        return
            self._over.wait(0.2)

    def close(self) -> None:
        """Read no more."""
        self._over.set()


class Silent:
    """Clients that ask for the stream and the picture, and read nothing of either."""

    def __init__(self, port: int, each: int) -> None:
        self._sockets = []
        for path in [STREAM, PICTURE] * each:
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(10)
            client.connect(("127.0.0.1", port))
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            self._sockets.append(client)

    def close(self) -> None:
        """Go away."""
        for client in self._sockets:
            client.close()
