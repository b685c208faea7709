"""What it takes to be let in by the broker: address, TLS, name and password."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from agent.credentials import read_credential
from agent.errors import AgentError
from agent.settings import MqttSettings
from agent.tls import require_readable, show, trusting


@dataclass(frozen=True)
class Login:
    """The broker's address and what is shown to it."""

    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    tls: ssl.SSLContext | None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def read_login(settings: MqttSettings) -> Login:
    """The login that the settings describe.

    Raises `AgentError` for a file that cannot be read, and for settings that contradict each other.
    """
    if settings.host is None:
        raise AgentError("mqtt.host is not set: give the broker's name or address")
    if settings.password is not None and settings.password_file is not None:
        raise AgentError("mqtt.password and mqtt.password_file: give only one of them")
    password = settings.password.get_secret_value() if settings.password else None
    if settings.password_file is not None:
        password = read_credential("mqtt.password_file", settings.password_file)
    if password is not None and settings.username is None:
        raise AgentError("mqtt.username is missing: MQTT knows no password without a name")
    return Login(
        settings.host, _port(settings), settings.username, password, _tls_context(settings)
    )


def _port(settings: MqttSettings) -> int:
    if settings.port is not None:
        return settings.port
    if settings.transport == "websockets":
        return 443 if settings.tls else 80
    return 8883 if settings.tls else 1883


def _tls_context(settings: MqttSettings) -> ssl.SSLContext | None:
    files = {
        "mqtt.ca_file": settings.ca_file,
        "mqtt.cert_file": settings.cert_file,
        "mqtt.key_file": settings.key_file,
    }
    given = {key: file for key, file in files.items() if file is not None}
    if not settings.tls:
        if given:
            raise AgentError(f"{next(iter(given))} is set, but mqtt.tls is not: set it to true")
        return None
    for key, file in given.items():
        require_readable(key, file)
    if settings.key_file is not None and settings.cert_file is None:
        raise AgentError("mqtt.key_file is set, but mqtt.cert_file is not")
    context = trusting("mqtt.ca_file", settings.ca_file)
    if settings.cert_file is not None:
        show(context, "mqtt.cert_file and mqtt.key_file", settings.cert_file, settings.key_file)
    return context
