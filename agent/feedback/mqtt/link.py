"""One connection to the broker, from its opening to its end.

paho's own reconnecting and its queue are not used: the queue lives in memory only, and after a
reconnection new messages may overtake old ones. Each connection is a fresh paho client.
"""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Final, Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from agent.feedback.mqtt.login import Login
from agent.settings import MqttSettings

Protocol = Literal["5", "3.1.1"]

_PATIENCE: Final = 10.0
"""Seconds for the connection, and then for the answer to the login."""
_LEAVING: Final = 0.5
"""Seconds for the broker to hear that we leave."""
_WINDOW: Final = 20
"""Unacknowledged messages at most; also the limit of paho and of Mosquitto."""
_UNHEARD: Final = 1000
"""What may wait to be seen to; messages beyond are not taken in."""
_BAD_PROTOCOL: Final = 0x84  # MQTT 5, 3.2.2.2
_MAY_PASS_LATER: Final = frozenset({0x80, 0x83, 0x87, 0x97})
"""Refusals that are not the message's fault: unspecified, not authorized, quota (MQTT 5, 3.4.2)."""


class LinkError(Exception):
    """A connection that did not come about or has ended; the message says why."""


class ProtocolError(LinkError):
    """The broker may not know this version of the protocol."""


@dataclass(frozen=True)
class Accepted:
    """The broker has let us in."""

    window: int
    """How many unacknowledged messages it allows."""


@dataclass(frozen=True)
class Lost:
    """The connection has ended."""

    why: str
    code: int = 0
    """The broker's reason in MQTT 5's numbers; 0 where it gave none."""


@dataclass(frozen=True)
class Acknowledged:
    """The broker has answered a message."""

    number: int
    refusal: str | None = None
    """Why it did not take it; None if it did. Always None with MQTT 3.1.1, which cannot tell."""
    later: bool = False
    """Whether it may take the same message later."""


@dataclass(frozen=True)
class Received:
    """A message from the broker."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True)
class Unsubscribable:
    """The broker refuses a subscription."""

    why: str


@dataclass(frozen=True)
class Woken:
    """Somebody has called `wake`."""


Happening = Accepted | Lost | Acknowledged | Received | Unsubscribable | Woken


@dataclass(frozen=True)
class Will:
    """What the broker sends for us, retained, when we are gone without a word."""

    topic: str
    payload: str


class Link:
    """An open connection; belongs to one thread, but for `wake`."""

    def __init__(
        self, login: Login, settings: MqttSettings, protocol: Protocol, name: str, will: Will | None
    ) -> None:
        """Connects as client `name`; raises `LinkError`."""
        self._login = login
        self._protocol = protocol
        self._happened: SimpleQueue[Happening] = SimpleQueue()
        self._over = False
        self._client = self._new_client(settings, name, will)
        try:
            self._client.connect(login.host, login.port, settings.keepalive)
        except (OSError, ValueError) as error:
            self._end()
            raise LinkError(_in_words(error, settings)) from None
        self._client.loop_start()
        try:
            self.window = self._let_in(settings)
        except LinkError:
            self._end()
            raise

    def publish(self, topic: str, payload: str | bytes, retain: bool = False) -> int:
        """Send a message with QoS 1; returns the number that its `Acknowledged` will carry."""
        return self._client.publish(topic, payload, qos=1, retain=retain).mid

    def subscribe(self, topic: str) -> None:
        """Subscribe with QoS 1; a refusal comes as `Unsubscribable`."""
        self._client.subscribe(topic, qos=1)

    def next(self, timeout: float) -> Happening | None:
        """What has happened next; None if nothing does within `timeout` seconds."""
        try:
            happening = self._happened.get(timeout=max(0.0, timeout))
        except Empty:
            return None
        self._over |= isinstance(happening, Lost)
        return happening

    def wake(self) -> None:
        """Make `next` return; for any thread."""
        self._happened.put(Woken())

    def close(self, farewell: bool = True) -> None:
        """Take leave of the broker, which then keeps the will to itself.

        Without `farewell` just end: the broker then sends the will.
        """
        if farewell:
            self._client.disconnect()
            until = monotonic() + _LEAVING
            while not self._over and monotonic() < until:
                self.next(until - monotonic())
        self._end()

    def _new_client(self, settings: MqttSettings, name: str, will: Will | None) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            name,
            protocol=paho.MQTTv5 if self._protocol == "5" else paho.MQTTv311,
            transport=settings.transport,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _PATIENCE
        client.max_inflight_messages_set(_WINDOW)
        client.username_pw_set(self._login.username, self._login.password)
        if self._login.tls is not None:
            client.tls_set_context(self._login.tls)
        if settings.transport == "websockets":
            client.ws_set_options(settings.path)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        # paho calls these holding its locks, so they only take notes.
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _let_in(self, settings: MqttSettings) -> int:
        """Wait for the answer to the login; returns the window that the broker allows."""
        until = monotonic() + _PATIENCE
        while (left := until - monotonic()) > 0:
            happening = self.next(left)
            if isinstance(happening, Accepted):
                return happening.window
            if isinstance(happening, Lost):
                if happening.code == _BAD_PROTOCOL:
                    raise ProtocolError(f"does not know MQTT {self._protocol}")
                if happening.code:
                    who = f"of '{self._login.username}'" if self._login.username else "without name"
                    raise LinkError(
                        f"refuses the login {who}: {happening.why}; "
                        "check mqtt.username and mqtt.password"
                    )
                raise ProtocolError(_hung_up(settings))
        raise LinkError("connects, but does not answer the login; is it an MQTT broker?")

    def _end(self) -> None:
        """Close every socket, whatever is still to be sent, and wait for paho's thread."""
        line = self._client.socket()
        if line is not None:
            try:
                with socket.socket(fileno=os.dup(line.fileno())) as same:
                    same.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already
        self._client.loop_stop()
        # paho's thread leaves its wake-up sockets open, and its calls to us keep the client alive.
        self._client.reinitialise()

    def _on_connect(
        self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        if reason.is_failure:
            self._happened.put(Lost(str(reason), reason.value))
        else:
            allowed = getattr(properties, "ReceiveMaximum", _WINDOW)
            self._happened.put(Accepted(min(allowed, _WINDOW)))

    def _on_disconnect(
        self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        # What paho says of a connection that just breaks off.
        broken = str(reason) == "Unspecified error"
        self._happened.put(Lost("the broker has hung up" if broken else str(reason)))

    def _on_publish(
        self, _client: Any, _data: Any, number: int, reason: ReasonCode, _properties: Any
    ) -> None:
        refusal = str(reason) if reason.is_failure else None
        self._happened.put(Acknowledged(number, refusal, reason.value in _MAY_PASS_LATER))

    def _on_subscribe(
        self, _client: Any, _data: Any, _number: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        for reason in reasons:
            if reason.is_failure:
                self._happened.put(Unsubscribable(str(reason)))

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        if self._happened.qsize() < _UNHEARD:
            self._happened.put(Received(message.topic, bytes(message.payload), message.retain))


def _hung_up(settings: MqttSettings) -> str:
    if not settings.tls:
        return "hangs up before it answers the login; does this port want mqtt.tls?"
    if settings.cert_file is None:
        return "hangs up before it answers the login; does it want a client certificate?"
    return "hangs up before it answers the login; is the client certificate one that it accepts?"


def _in_words(error: Exception, settings: MqttSettings) -> str:
    """Why a connection did not come about."""
    if isinstance(error, ssl.SSLError):
        return _tls_trouble(error)
    told: dict[type[Exception], str] = {
        socket.gaierror: "no such host; check mqtt.host and the network",
        ConnectionRefusedError: "nothing listens there; is the broker running?",
        ConnectionResetError: "hangs up; is it the right port, with or without TLS?",
        TimeoutError: "does not answer",
        paho.WebsocketConnectionError: f"no WebSocket at {settings.path}; check mqtt.path",
    }
    known = (words for kind, words in told.items() if isinstance(error, kind))
    return next(known, getattr(error, "strerror", None) or str(error))


def _tls_trouble(error: ssl.SSLError) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"no TLS connection: {error.reason or error}; is it the port for TLS?"
    what = f"its certificate does not fit: {error.verify_message}"
    if "mismatch" in error.verify_message:
        return f"{what}; mqtt.host must be a name that stands in the certificate"
    return f"{what}; mqtt.ca_file must be the certificate that signed it"
