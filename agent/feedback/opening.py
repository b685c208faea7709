"""Opens the sinks that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, NamedTuple

from agent.control import Control
from agent.feedback.history import HistorySink
from agent.feedback.lines import JsonLinesSink, TerminalSink
from agent.feedback.sink import Sink
from agent.settings import Settings
from agent.status import StatusBoard

_STDOUT, _STDERR = 1, 2


class Opening(NamedTuple):
    """What a sink may need to be opened."""

    settings: Settings
    control: Control
    board: StatusBoard
    stack: ExitStack
    """Closes the sink."""
    sinks: list[Sink]
    """All that are open, always: for those who tell of the others."""

    def reports(self, part: str) -> Callable[[str], None]:
        """Where a sink tells its health, which is forgotten when it closes."""
        self.stack.callback(self.board.forget, part)
        return lambda words: self.board.report(part, words)


Opener = Callable[[Opening], Sink | None]
"""Opens a sink; None where the settings have it off. Raises `AgentError` for a setting that cannot
work."""


class Part(NamedTuple):
    """One kind of feedback."""

    name: str
    sections: frozenset[str]
    """The settings that it depends on: where one of them changes, it is opened anew."""
    open: Opener
    shows: frozenset[str] = frozenset()
    """Settings of others that it shows: it is opened anew with them, but they are not its own."""
    may_wait: Callable[[Settings], bool] = lambda _: False
    """Whether it takes long to load, and no frame need wait for it with these settings, of which
    none can be wrong."""


def _terminal(opening: Opening) -> Sink:
    to_stdout = opening.settings.events.file != "-"
    return TerminalSink(_STDOUT if to_stdout else _STDERR)


def _lines(opening: Opening) -> Sink | None:
    file = opening.settings.events.file
    return JsonLinesSink(file, opening.reports("events.file")) if file is not None else None


def _history(opening: Opening) -> Sink | None:
    history = opening.settings.history
    if not history.enabled:
        return None
    device = opening.settings.device
    return HistorySink(history, device, health=opening.reports(HistorySink.name))


def _mqtt(opening: Opening) -> Sink | None:
    if opening.settings.mqtt.host is None:
        return None
    from agent.feedback.mqtt.sink import MqttSink  # noqa: PLC0415  # as all that are off by default

    return MqttSink(opening.settings, opening.control, opening.board)


def _command(opening: Opening) -> Sink | None:
    command = opening.settings.feedback.command
    if command.run is None:
        return None
    from agent.feedback.hooks.command import CommandSink  # noqa: PLC0415

    health = opening.reports(CommandSink.name)
    sink = CommandSink(command, health)
    health("ok")
    return sink


def _webhook(opening: Opening) -> Sink | None:
    if opening.settings.feedback.webhook.url is None:
        return None
    from agent.feedback.hooks.webhook import WebhookSink  # noqa: PLC0415

    return WebhookSink(opening.settings, opening.board)


def _greengrass(opening: Opening) -> Sink | None:
    if opening.settings.feedback.greengrass.topic is None:
        return None
    from agent.feedback.greengrass.sink import GreengrassSink  # noqa: PLC0415

    return GreengrassSink(opening.settings, opening.board)


def _audio(opening: Opening) -> Sink | None:
    if not opening.settings.audio.enabled:
        return None
    from agent.feedback.audio.sink import AudioSink  # noqa: PLC0415

    control = opening.control
    health = opening.reports(AudioSink.name)
    sink = AudioSink(opening.settings.audio, muted=lambda: control.muted, health=health)
    opening.stack.callback(control.on_cue(sink.cue))
    return sink


def _page(opening: Opening) -> Sink | None:
    if not opening.settings.web.enabled:
        return None
    from agent.feedback.web.sink import open_page  # noqa: PLC0415  # aiohttp takes a while

    return open_page(opening.settings, opening.control, opening.board, opening.sinks)


def _page_may_wait(settings: Settings) -> bool:
    """Not where an address or a secret is set: a wrong one must end the start before any event."""
    given = settings.web.model_fields_set - _HARMLESS
    return not given or (given == {"port"} and settings.web.port == 0)


_HARMLESS: Final = frozenset({"enabled", "preview", "blur_faces", "preview_fps"})
"""Settings of the page that cannot be wrong."""

PARTS: Final = (
    Part("terminal", frozenset({"events"}), _terminal),
    Part("events.file", frozenset({"events"}), _lines),
    Part("history", frozenset({"history", "device"}), _history),
    Part("mqtt", frozenset({"mqtt", "device"}), _mqtt),
    Part("command", frozenset({"feedback"}), _command),
    Part("webhook", frozenset({"feedback", "device"}), _webhook),
    Part("greengrass", frozenset({"feedback", "device"}), _greengrass),
    Part("audio", frozenset({"audio"}), _audio),
    Part(
        "page",
        frozenset({"web"}),
        _page,
        shows=frozenset(Settings.model_fields),
        may_wait=_page_may_wait,
    ),
)
"""Every kind of feedback, in the order in which they are opened."""
