"""Opens the sinks that the settings ask for."""

from __future__ import annotations

from contextlib import ExitStack

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


def open_sinks(
    settings: Settings, control: Control, board: StatusBoard, stack: ExitStack
) -> list[Sink]:
    """Every sink, each with a worker of its own; `stack` closes them.

    Raises `AgentError` for a setting that cannot work.
    """
    to_stdout = settings.events.file == "-"
    sinks: list[Sink] = []

    def add(sink: Sink) -> None:
        sinks.append(sink)
        stack.callback(sink.close)

    add(TerminalSink(_STDERR if to_stdout else _STDOUT))
    if settings.events.file is not None:
        add(JsonLinesSink(settings.events.file))
    if settings.history.enabled:
        add(HistorySink(settings.history, settings.device))
    if settings.mqtt.host is not None:
        add(MqttSink(settings, control, board))
    if settings.feedback.command.run is not None:
        stack.callback(board.forget, CommandSink.name)
        command = settings.feedback.command
        add(CommandSink(command, health=lambda words: board.report(CommandSink.name, words)))
        board.report(CommandSink.name)
    if settings.feedback.webhook.url is not None:
        add(WebhookSink(settings, board))
    if settings.audio.enabled:
        stack.callback(board.forget, AudioSink.name)
        audio = AudioSink(
            settings.audio,
            muted=lambda: control.muted,
            health=lambda words: board.report(AudioSink.name, words),
        )
        add(audio)
        stack.callback(control.on_cue(audio.cue))
    return sinks
