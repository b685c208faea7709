"""Opens the sinks that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, NamedTuple

from agent.control import Control
from agent.feedback.audio.sink import AudioSink
from agent.feedback.history import HistorySink
from agent.feedback.hooks.command import CommandSink
from agent.feedback.hooks.webhook import WebhookSink
from agent.feedback.lines import JsonLinesSink, TerminalSink
from agent.feedback.mqtt.sink import MqttSink
from agent.feedback.sink import Sink
from agent.settings import Settings
from agent.status import StatusBoard

_STDOUT, _STDERR = 1, 2

Opener = Callable[[Settings, Control, StatusBoard, ExitStack], Sink | None]
"""Opens a sink, which the stack closes; None where the settings have it off. Raises `AgentError`
for a setting that cannot work."""


class Part(NamedTuple):
    """One kind of feedback."""

    name: str
    sections: frozenset[str]
    """The settings that it depends on: where one of them changes, it is opened anew."""
    open: Opener


def _terminal(settings: Settings, _c: Control, _b: StatusBoard, stack: ExitStack) -> Sink:
    sink = TerminalSink(_STDERR if settings.events.file == "-" else _STDOUT)
    stack.callback(sink.close)
    return sink


def _lines(settings: Settings, _c: Control, _b: StatusBoard, stack: ExitStack) -> Sink | None:
    if settings.events.file is None:
        return None
    sink = JsonLinesSink(settings.events.file)
    stack.callback(sink.close)
    return sink


def _history(settings: Settings, _c: Control, board: StatusBoard, stack: ExitStack) -> Sink | None:
    if not settings.history.enabled:
        return None
    stack.callback(board.forget, HistorySink.name)
    sink = HistorySink(
        settings.history,
        settings.device,
        health=lambda words: board.report(HistorySink.name, words),
    )
    stack.callback(sink.close)
    return sink


def _mqtt(
    settings: Settings, control: Control, board: StatusBoard, stack: ExitStack
) -> Sink | None:
    if settings.mqtt.host is None:
        return None
    sink = MqttSink(settings, control, board)
    stack.callback(sink.close)
    return sink


def _audio(
    settings: Settings, control: Control, board: StatusBoard, stack: ExitStack
) -> Sink | None:
    if not settings.audio.enabled:
        return None
    stack.callback(board.forget, AudioSink.name)
    sink = AudioSink(
        settings.audio,
        muted=lambda: control.muted,
        health=lambda words: board.report(AudioSink.name, words),
    )
    stack.callback(sink.close)
    stack.callback(control.on_cue(sink.cue))
    return sink


def _command(settings: Settings, _c: Control, board: StatusBoard, stack: ExitStack) -> Sink | None:
    if settings.feedback.command.run is None:
        return None
    stack.callback(board.forget, CommandSink.name)
    sink = CommandSink(
        settings.feedback.command, health=lambda words: board.report(CommandSink.name, words)
    )
    board.report(CommandSink.name)
    stack.callback(sink.close)
    return sink


def _webhook(settings: Settings, _c: Control, board: StatusBoard, stack: ExitStack) -> Sink | None:
    if settings.feedback.webhook.url is None:
        return None
    sink = WebhookSink(settings, board)
    stack.callback(sink.close)
    return sink


PARTS: Final = (
    Part("terminal", frozenset({"events"}), _terminal),
    Part("events.file", frozenset({"events"}), _lines),
    Part("history", frozenset({"history", "device"}), _history),
    Part("mqtt", frozenset({"mqtt", "device"}), _mqtt),
    Part("command", frozenset({"feedback"}), _command),
    Part("webhook", frozenset({"feedback", "device"}), _webhook),
    Part("audio", frozenset({"audio"}), _audio),
)
"""Every kind of feedback, in the order in which they are opened."""
