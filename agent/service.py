"""The running agent: starts the parts, keeps them going until told to stop, and sums up."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from agent.board.strain import Strain, read_load
from agent.calibration import Calibration
from agent.control import Control
from agent.errors import AgentError
from agent.feedback.feedback import SECTIONS, Feedback
from agent.file_watch import FileWatch
from agent.memory import share_one_arena
from agent.model_api.opening import open_model_api
from agent.notify import Notifier
from agent.pipeline import Pipeline
from agent.places import device_folder, state_folder
from agent.settings import Settings
from agent.signals import Signals, noted_signals
from agent.sources.opening import open_source
from agent.sources.source import Source, SourceState
from agent.status import FrameRate, State, Status, StatusBoard, View
from agent.types import EmotionEvent, Frame
from agent.vision import open_vision

logger = logging.getLogger(__name__)

_POLL = 0.25  # seconds; how soon a stop or a switch is noticed, and how old the status may be
_LOADING = 300.0
"""Seconds that new settings may take: an engine for the board's GPU is built in minutes. As
`TimeoutStartSec=` in the unit, which holds for the first settings."""


@dataclass
class Summary:
    """What a run did."""

    frames: int = 0
    dropped: int = 0
    reopened: int = 0
    events: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        rate = self.frames / self.seconds if self.seconds else 0.0
        return (
            f"{self.frames} frames in {self.seconds:.1f} s ({rate:.1f} fps), "
            f"{self.dropped} dropped, {self.events} events"
        )


def run(
    settings: Settings,
    read_settings: Callable[[], Settings] | None = None,
    file: Path | None = None,
) -> Summary:
    """Run until the source ends or SIGINT or SIGTERM comes; returns what was done.

    `read_settings` reads the settings anew where that is asked for (SIGHUP, MQTT, a change of
    `file`); only what differs is started anew, and what cannot be used is left as it was.
    """
    share_one_arena()
    with noted_signals() as signals, ExitStack() as stack:
        calibration = Calibration(_baseline(settings))
        control = Control(_switches(settings), read_settings, calibration)
        board, notifier = StatusBoard(), Notifier()
        try:
            feedback = Feedback(settings, control, board)
            stack.callback(feedback.close)
            strain = Strain(lambda: read_load(_state()))
            running = _Running(
                control, board, feedback, notifier, FileWatch(file), strain, Summary(), signals
            )
            _watch(settings, running)
        except AgentError as error:
            notifier.show(f"failed: {error}")
            raise
        board.show(replace(board.status, state="stopping"))
        return running.summary


def _watch(settings: Settings, running: _Running) -> None:
    """Watch with these settings, and with those that follow them."""
    began = monotonic()
    former: Settings | None = None
    following: Settings | None = settings
    while following is not None:
        watch: _Watch | None = None
        try:
            running.control.keep_in(_switches(following))
            running.control.calibration.keep_in(_baseline(following))
            running.feedback.change(following)
            with ExitStack() as stack:
                with running.notifier.patience(_LOADING):
                    watch = _open_watch(following, running, stack)
                running.feedback.open_rest()
                following = watch.until_over()
                former = watch.settings
        except AgentError as error:
            if former is None or following is former or (watch and watch.taken_up):
                raise
            _refuse(error, running.board)
            following = former
    running.summary.seconds = monotonic() - began


def _refuse(error: AgentError, board: StatusBoard) -> None:
    """Say that new settings are not taken up."""
    logger.error("the new settings cannot be used: %s", error)
    board.report("settings", f"not used: {error}")


@dataclass(frozen=True)
class _Running:
    """What outlives a change of settings."""

    control: Control
    board: StatusBoard
    feedback: Feedback
    notifier: Notifier
    file: FileWatch
    strain: Strain
    summary: Summary
    signals: Signals


def _switches(settings: Settings) -> Path | None:
    """Where the switches are kept, where anything can turn them."""
    turned = settings.mqtt.host or settings.web.enabled
    return device_folder(settings.device) / "switches.json" if turned else None


def _baseline(settings: Settings) -> Path | None:
    """Where the neutral calibration is kept; nowhere on a machine that keeps nothing."""
    try:
        return device_folder(settings.device) / "baseline.json"
    except AgentError:
        return None


def _state() -> Path | None:
    """Where the state is kept, for telling how much room there is; None where there is no place."""
    try:
        return state_folder()
    except AgentError:
        return None


def _open_watch(settings: Settings, running: _Running, stack: ExitStack) -> _Watch:
    running.notifier.alive()
    source = open_source(settings.source)
    vision = open_vision(
        settings,
        source.name,
        stack,
        running.board.stages,
        running.board,
        running.control.calibration,
    )
    open_model_api(settings, stack)
    logger.info("reading %s: %s (Ctrl-C stops)", source.name, vision.about)
    return _Watch(settings, vision.pipeline, running)


def _differing(one: Settings, other: Settings) -> set[str]:
    """The sections in which two settings differ."""
    return {name for name in Settings.model_fields if getattr(one, name) != getattr(other, name)}


class _Watch:
    """The loop over frames, with the camera on or off as the control says."""

    def __init__(self, settings: Settings, pipeline: Pipeline, running: _Running) -> None:
        self.settings = settings
        """Those in use: what concerns sinks alone changes while the watch goes on."""
        self._pipeline = pipeline
        self._feedback = running.feedback
        self._notifier = running.notifier
        self._file = running.file
        self._control = running.control
        self._board = running.board
        self._summary = running.summary
        self._signals = running.signals
        self._rate = FrameRate()
        self._latency_ms = 0.0
        self._strain = running.strain
        self._left_out = 0
        self._since = 0
        self._shown_at = 0.0
        self._source = ""
        self._following: Settings | None = None
        self.taken_up = False
        """Whether these settings have worked: a later error is not theirs."""

    def until_over(self) -> Settings | None:
        """Work until told to stop or the source ends (None), or until new settings come (those)."""
        while not self._over():
            if self._control.paused:
                self._rest()
            elif self._look():
                self._show("ended")
                break
        return self._following

    def _over(self) -> bool:
        if self._signals.reload or self._file.has_changed():
            self._signals.reload = False
            self._reload()
        new = self._control.new_settings()
        if new is not None:
            self._take_up(new)
        self._feedback.check()
        if self._signals.stop:
            self._notifier.stopping()
        return self._signals.stop or self._following is not None

    def _reload(self) -> None:
        self._notifier.reloading()
        self._file.take_note()
        try:
            self._control.reload()
        except AgentError as error:
            for line in str(error).splitlines():
                logger.error("settings not taken: %s", line)
            self._board.report("settings", f"not taken: {str(error).splitlines()[0]}")

    def _take_up(self, new: Settings) -> None:
        """Change at once what can be changed while the picture goes on; end the watch for more."""
        self._board.forget("settings")
        changed = _differing(self.settings, new)
        if not changed:
            logger.info("settings unchanged")
            self._feedback.change(new)  # what has failed is tried again
            return
        logger.info("taking up new settings: %s", ", ".join(sorted(changed)))
        if not changed <= SECTIONS:
            self._following = new
            return
        try:
            self._control.keep_in(_switches(new))
        except AgentError as error:
            _refuse(error, self._board)
            return
        self.settings = new
        self._feedback.change(new)

    def _rest(self) -> None:
        """The camera is off, until it is to be on again."""
        logger.info("paused: the camera is off")
        self._board.view = None
        self._rate = FrameRate()
        while self._control.paused and not self._over():
            self._goes_on(begun=True)
            self._look_after(None)
            self._show("paused")
            sleep(_POLL)

    def _look(self) -> bool:
        """Read the source, until it ends (True) or something else is to be done."""
        source = open_source(self.settings.source)
        self._source = source.name
        state = SourceState.OPENING
        dropped = self._summary.dropped - self._left_out
        reopened = self._summary.reopened
        try:
            with source:
                while not (self._control.paused or self._over()):
                    frame = source.read(_POLL)
                    state = _told(source, state)
                    self._summary.dropped = dropped + source.dropped + self._left_out
                    self._summary.reopened = reopened + source.reopened
                    if frame is not None:
                        self._take(frame)
                    elif state is SourceState.STALLED and self._board.frame is not None:
                        self._lose_sight()
                    elif state is SourceState.ENDED:
                        return True
                    if not source.hung:
                        self._goes_on(begun=frame is not None or source.trouble is not None)
                    if monotonic() - self._shown_at > _POLL:
                        self._look_after(source.trouble)
                        self._show(_IN_WORDS[state])
                return False
        finally:
            self._publish(self._pipeline.finish())

    def _goes_on(self, begun: bool) -> None:
        """Tell systemd that all that can be done is done. `begun`: frames come, or are waited for
        because a person or the camera wants it so.
        """
        hung = self._feedback.hung
        if hung is not None:
            self._board.report(hung, "hangs")
            return
        self._notifier.alive()
        settled = not self._feedback.is_changing
        self._feedback.check()
        if begun and settled:
            self._notifier.ready()

    def _look_after(self, trouble: str | None) -> None:
        """Say how source and board are; less is done on a board that is hot or short of memory."""
        self._board.report("source", trouble or "ok")
        for name in self._feedback.failed:
            self._board.report(name, "takes no more events")
        self._strain.look()
        for part, words in self._strain.ailments.items():
            self._board.report(part, words)

    def _lose_sight(self) -> None:
        """Nobody can say who is still there while no picture comes."""
        self._publish(self._pipeline.finish())
        self._board.view = None

    def _take(self, frame: Frame) -> None:
        """Work on a frame, unless the board is to be spared it."""
        self._since += 1
        if self._since >= self._strain.stride:
            self._since = 0
            self._work_on(frame)
        else:
            self._left_out += 1

    def _work_on(self, frame: Frame) -> None:
        self.taken_up = True
        self._summary.frames += 1
        self._rate.tick()
        events = self._pipeline.process(frame)
        self._latency_ms = 1000 * (monotonic() - frame.captured)
        self._board.view = View(frame, self._pipeline.shown)
        if events:
            self._publish(events)
            self._show("live")

    def _publish(self, events: list[EmotionEvent]) -> None:
        for event in events:
            self._feedback.publish(event)
        self._summary.events += len(events)

    def _show(self, state: State) -> None:
        self._shown_at = monotonic()
        calibration = self._control.calibration
        calibration.give_up_waiting()
        if calibration.trouble is not None:
            self._board.report("calibration", calibration.trouble)
        elif calibration.baseline is not None:
            self._board.report("calibration")
        else:
            self._board.forget("calibration")
        self._board.show(
            Status(
                state=state,
                source=self._source,
                model=self._pipeline.model,
                frames=self._summary.frames,
                dropped=self._summary.dropped,
                events=self._summary.events,
                fps=round(self._rate.at(), 1),
                latency_ms=round(self._latency_ms, 1),
                reopened=self._summary.reopened,
                tracks=self._pipeline.shown,
                muted=self._control.muted,
                paused=self._control.paused,
                calibration=calibration.state,
                calibration_refusal=calibration.refusal,
            )
        )
        self._notifier.show(self._board.status.summary)


_IN_WORDS: Final[dict[SourceState, State]] = {
    SourceState.OPENING: "opening",
    SourceState.LIVE: "live",
    SourceState.STALLED: "stalled",
    SourceState.ENDED: "ended",
}


def _told(source: Source, before: SourceState) -> SourceState:
    """The state of the source, logged where it has changed."""
    state = source.state
    if state is not before:
        level = logging.WARNING if state is SourceState.STALLED else logging.DEBUG
        logger.log(level, "%s is %s", source.name, state.value)
    return state
