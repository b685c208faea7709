"""Looks at where events go: sound, broker, history."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from agent.doctor.finding import Finding
from agent.errors import AgentError
from agent.feedback.audio.process import list_devices
from agent.feedback.history import history_file
from agent.feedback.mqtt.courier import connect
from agent.feedback.mqtt.link import LinkError
from agent.feedback.mqtt.login import read_login
from agent.feedback.mqtt.topics import Topics
from agent.settings import Settings


def look_at_audio(settings: Settings) -> Iterator[Finding]:
    """Find the sound device that the settings name."""
    if not settings.audio.enabled:
        yield Finding("audio", "ok", "off (audio.enabled)")
        return
    try:
        devices = list_devices()
    except AgentError as error:
        what, _, advice = str(error).partition("; ")
        yield Finding("audio", "failed", what, advice or "install the extra `audio`")
        return
    wanted = settings.audio.device
    fitting = [name for name in devices if wanted is None or wanted in name]
    if not fitting:
        found = f"'{wanted}' is not among {len(devices)} devices" if devices else "no sound device"
        yield Finding("audio", "warning", found, "see `emotion-agent sounds devices`")
    else:
        yield Finding("audio", "ok", f"{fitting[0]}; try it with `emotion-agent sounds play`")


def look_at_broker(settings: Settings) -> Iterator[Finding]:
    """Log in at the broker, as somebody else than a running agent."""
    mqtt = settings.mqtt
    if mqtt.host is None:
        yield Finding("broker", "ok", "off (mqtt.host)")
        return
    try:
        login = read_login(mqtt)
    except AgentError as error:
        yield Finding("broker", "failed", str(error), "correct the settings of [mqtt]")
        return
    topics = Topics(settings.device, mqtt.discovery_prefix)
    try:
        connect(login, mqtt, f"{topics.identifier}-doctor").close()
    except LinkError as error:
        what, _, advice = f"{login}: {error}".partition("; ")
        yield Finding("broker", "failed", what, advice or "check address, name and password")
        return
    yield Finding("broker", "ok", f"{login} lets this agent in")


def look_at_history(settings: Settings) -> Iterator[Finding]:
    """Read the history of this device through."""
    if not settings.history.enabled:
        yield Finding("history", "ok", "off (history.enabled)")
        return
    try:
        path = history_file(settings.device)
    except AgentError as error:
        yield Finding("history", "failed", str(error), "give the folder to this user")
        return
    if not path.exists():
        yield Finding("history", "ok", f"{path} begins with the first event")
        return
    try:
        address = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=5.0)) as database:
            state = database.execute("pragma quick_check(1)").fetchone()[0]
            events = database.execute("select count(*) from events").fetchone()[0]
    except sqlite3.Error as error:
        state, events = str(error), 0
    if state == "ok":
        yield Finding("history", "ok", f"{path}: {events} events")
    else:
        advice = "nothing: the agent moves it aside at the next event and begins a new one"
        yield Finding("history", "warning", f"{path}: {state}", advice)
