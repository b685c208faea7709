"""Deletes what the broker retains of a device."""

from __future__ import annotations

from time import monotonic
from typing import Final

from agent.errors import AgentError
from agent.feedback.mqtt.courier import connect
from agent.feedback.mqtt.link import Acknowledged, Link, LinkError, Lost
from agent.feedback.mqtt.login import read_login
from agent.feedback.mqtt.topics import Topics
from agent.settings import MqttSettings

_PATIENCE: Final = 10.0
"""Seconds for the broker to answer."""


def remove(device: str, settings: MqttSettings) -> list[str]:
    """Delete the retained messages of a device; returns their topics.

    Raises `AgentError` if the broker cannot be reached or does not allow it.
    """
    login = read_login(settings)
    topics = Topics(device, settings.discovery_prefix)
    try:
        link = connect(login, settings, f"{topics.identifier}-removal")
        try:
            _delete(link, topics.retained)
        finally:
            link.close()
    except LinkError as error:
        raise AgentError(f"mqtt: {login}: {error}") from None
    return list(topics.retained)


def _delete(link: Link, topics: tuple[str, ...]) -> None:
    waiting = {link.publish(topic, b"", retain=True): topic for topic in topics}
    until = monotonic() + _PATIENCE
    while waiting:
        happening = link.next(until - monotonic())
        if happening is None:
            raise LinkError("does not answer")
        if isinstance(happening, Lost):
            raise LinkError(f"the connection is lost: {happening.why}")
        if isinstance(happening, Acknowledged):
            topic = waiting.pop(happening.number, None)
            if topic is not None and happening.refusal is not None:
                raise LinkError(f"{topic} may not be deleted: {happening.refusal}")
