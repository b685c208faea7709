"""A client that reads everything, and keeps its subscription while it is away."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Condition
from types import TracebackType
from typing import Any, NamedTuple
from uuid import uuid4

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from typing_extensions import Self

from tests.brokers.mosquitto import USERS
from tests.patience import PATIENCE


class Seen(NamedTuple):
    topic: str
    payload: bytes
    retained: bool

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class Watcher:
    """Every message under the filters, in the order of arrival."""

    def __init__(self, port: int, *filters: str) -> None:
        self.seen: list[Seen] = []
        self._changed = Condition()
        self._ready = False
        self._filters = filters
        self.name = f"watcher-{uuid4()}"
        self._client = paho.Client(CallbackAPIVersion.VERSION2, self.name, clean_session=False)
        self._client.username_pw_set("watcher", USERS["watcher"])
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = self._be_ready
        self._client.on_disconnect = self._not_ready
        self._client.on_message = self._note
        self._port = port

    def __enter__(self) -> Self:
        # Without pings: one to a broker just killed would lose what has not been read yet.
        self._client.connect("127.0.0.1", self._port, keepalive=3600)
        self._client.loop_start()
        self.until_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: str | bytes, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE)

    def until(self, wanted: Callable[[], Any], seconds: float = PATIENCE) -> None:
        """Wait until `wanted` holds; it is looked at after every message."""
        until = time.monotonic() + seconds
        with self._changed:
            while not wanted():
                assert time.monotonic() < until, self._last()
                self._changed.wait(0.1)

    def until_seen(self, count: int, seconds: float = PATIENCE) -> None:
        """Wait for as many messages."""
        self.until(lambda: len(self.seen) >= count, seconds)

    def until_ready(self) -> None:
        """Wait until the broker has (again) taken the subscription."""
        self.until(lambda: self._ready)

    def on(self, topic: str) -> list[Seen]:
        """What came by one topic."""
        return [seen for seen in list(self.seen) if seen.topic == topic]

    def first(self, topic: str, wanted: Callable[[Any], Any] = bool) -> Any:
        """The JSON of the first message on a topic that is as wanted; waits for it."""
        found: list[Any] = []

        def look() -> bool:
            found[:] = [s.json for s in self.on(topic) if s.payload and wanted(s.json)]
            return bool(found)

        self.until(look)
        return found[0]

    def forget(self) -> None:
        """Begin anew with what is seen."""
        with self._changed:
            self.seen = []

    def _last(self) -> str:
        return f"in vain; seen: {len(self.seen)}, the last of them {self.seen[-3:]}"

    def _subscribe(self, client: paho.Client, *_: Any) -> None:
        # QoS 0: a client that acknowledges to a broker just killed loses what it has not read yet.
        client.subscribe([(topic, 0) for topic in self._filters])

    def _be_ready(self, *_: Any) -> None:
        with self._changed:
            self._ready = True
            self._changed.notify_all()

    def _not_ready(self, *_: Any) -> None:
        with self._changed:
            self._ready = False

    def _note(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        with self._changed:
            self.seen.append(Seen(message.topic, bytes(message.payload), message.retain))
            self._changed.notify_all()


def wait_for(
    wanted: Callable[[], Any], seconds: float = PATIENCE, told: Callable[[], str] = str
) -> None:
    """Wait until a condition holds; `told` gives what a failure should print, a log for one."""
    until = time.monotonic() + seconds
    while not wanted():
        if time.monotonic() > until:
            pytest.fail(f"waited in vain; {told()}")
        time.sleep(0.01)
