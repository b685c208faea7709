"""A network between agent and broker that can fail in ways a broker cannot."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Road:
    """A way to the broker that can fall silent, and that can turn MQTT 5 away."""

    def __init__(self, port: int, to_mqtt_5: bytes | None = None) -> None:
        """With `to_mqtt_5` a connection in MQTT 5 gets that answer and is closed."""
        self._broker = port
        self._to_mqtt_5 = to_mqtt_5
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.silent = False
        threading.Thread(target=self._meet, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _meet(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                hello = ours.recv(4096)
                if self._to_mqtt_5 is not None and b"MQTT\x05" in hello:
                    ours.sendall(self._to_mqtt_5)
                    ours.close()
                    continue
                theirs = socket.create_connection(("127.0.0.1", self._broker))
                theirs.sendall(hello)
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(4096):
                if not self.silent:
                    target.sendall(data)
            if not self.silent:
                target.shutdown(socket.SHUT_WR)
