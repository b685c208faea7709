"""A network between agent and broker that can fail in ways a broker cannot, and that counts."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

_PUBLISH, _PUBACK = 3, 4


class Road:
    """A way to the broker that can fall silent, and that can turn MQTT 5 away."""

    def __init__(self, port: int, to_mqtt_5: bytes | None = None) -> None:
        """With `to_mqtt_5` a connection in MQTT 5 gets that answer and is closed."""
        self._broker = port
        self._to_mqtt_5 = to_mqtt_5
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.silent = False
        """Nothing gets through any more."""
        self.keeps_acknowledgements = False
        """Everything gets through but these."""
        self.lag = 0.0
        """Seconds that each acknowledgement takes."""
        self.most_in_flight = 0
        """Messages that the agent had sent and the broker not yet acknowledged, at most."""
        self._in_flight = 0
        self._counting = threading.Lock()
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
                self._in_flight = 0
                for way in ((ours, theirs, True), (theirs, ours, False)):
                    threading.Thread(target=self._pass_on, args=way, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, from_agent: bool) -> None:
        left = b""
        with suppress(OSError):
            while data := source.recv(4096):
                left += data
                while length := _packet(left):
                    packet, left = left[:length], left[length:]
                    kind = packet[0] >> 4
                    if from_agent and kind == _PUBLISH:
                        self._count(1)
                    elif not from_agent and kind == _PUBACK:
                        if self.keeps_acknowledgements:
                            continue
                        time.sleep(self.lag)
                        self._count(-1)
                    if not self.silent:
                        target.sendall(packet)
            if not self.silent:
                target.shutdown(socket.SHUT_WR)

    def _count(self, change: int) -> None:
        with self._counting:
            self._in_flight += change
            self.most_in_flight = max(self.most_in_flight, self._in_flight)


def _packet(data: bytes) -> int:
    """Length of the MQTT packet that the data begin with; 0 if it is not whole."""
    size, shift = 0, 0
    for at in range(1, min(5, len(data))):
        size |= (data[at] & 0x7F) << shift
        shift += 7
        if data[at] < 0x80:
            whole = at + 1 + size
            return whole if len(data) >= whole else 0
    return 0
