"""All sinks of a running agent, each of which can be opened anew while events keep coming."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import ExitStack
from threading import Lock, Thread
from time import monotonic
from typing import Any, Final

from agent.control import Control
from agent.errors import AgentError
from agent.feedback.opening import PARTS, Opening, Part
from agent.feedback.queued import QueuedSink
from agent.feedback.sink import Sink
from agent.memory import release
from agent.settings import Settings
from agent.status import StatusBoard
from agent.types import EmotionEvent

logger = logging.getLogger(__name__)

_WAITING: Final = 10_000
"""Events that wait for a sink that is being opened anew; the oldest go first."""
_CHANGING: Final = 3.0
"""Seconds that closing waits for a change that is under way."""
_CLOSING: Final = 6.0
"""Seconds that closing waits for the sinks, each of which has a shorter limit of its own."""

_AGAIN: Final = 10.0
"""Seconds until a sink that could not be opened anew is tried once more."""

SECTIONS: Final = frozenset().union(*(part.sections for part in PARTS)) - {"device"}
"""Sections of the settings that concern sinks alone: the picture goes on when they change."""


class Feedback:
    """Gives each event to every sink that the settings ask for.

    A change of settings closes and opens those sinks whose sections differ, and those that have
    failed, on a thread of its own; their events wait meanwhile. A sink that cannot be opened with
    its new settings goes on with its former ones; where those do not work any more either (its port
    was taken meanwhile), it is tried again until it opens.
    """

    def __init__(self, settings: Settings, control: Control, board: StatusBoard) -> None:
        """Open every sink but those that `open_rest` opens; raises `AgentError` for a setting that
        cannot work.
        """
        self._sinks: list[Sink] = []
        self._outlets = [_Outlet(part, control, board, self._sinks) for part in PARTS]
        self._changing: Thread | None = None
        self._trouble: BaseException | None = None
        self._settings = settings
        self._next_try = 0.0
        try:
            for outlet, part in zip(self._outlets, PARTS, strict=True):
                if part.may_wait(settings):
                    outlet.wait_for(settings)
                else:
                    outlet.open(settings)
        except BaseException:
            self.close()
            raise

    def publish(self, event: EmotionEvent) -> None:
        """Give an event to all; never blocks."""
        for outlet in self._outlets:
            outlet.publish(event)

    def open_rest(self) -> None:
        """Open what takes long to load, while the first frames come; returns at once. Events wait
        for it, and `check` tells what came of it.
        """
        before = self._changing

        def work() -> None:
            if before is not None:
                before.join()
            try:
                for outlet in self._outlets:
                    outlet.open_at_last()
            except BaseException as error:
                self._trouble = error

        if any(outlet.is_waited_for for outlet in self._outlets):
            self._changing = Thread(target=work, name="feedback", daemon=True)
            self._changing.start()

    def check(self) -> None:
        """Look after the sinks; to be called now and then. Raises what `open_rest` met:
        `AgentError` for a setting that cannot work.
        """
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble
        lost = [outlet for outlet in self._outlets if outlet.is_lost]
        if lost and not self.is_changing and monotonic() >= self._next_try:
            self._next_try = monotonic() + _AGAIN
            # These alone: what goes on with its former settings would be closed for each attempt.
            self._begin_change(lost, self._settings)

    def change(self, settings: Settings) -> None:
        """Take up new settings; returns at once."""
        self._settings = settings
        if self._changing is not None or any(outlet.needs(settings) for outlet in self._outlets):
            self._begin_change(self._outlets, settings)

    def _begin_change(self, outlets: list[_Outlet], settings: Settings) -> None:
        before = self._changing

        def work() -> None:
            if before is not None:
                before.join()
            for outlet in outlets:
                outlet.change(settings)
            release()  # a closed server is full of cycles, and Python lets many pile up

        self._changing = Thread(target=work, name="feedback", daemon=True)
        self._changing.start()

    @property
    def is_changing(self) -> bool:
        """Whether a change is under way."""
        return self._changing is not None and self._changing.is_alive()

    @property
    def hung(self) -> str | None:
        """The name of a sink that has been busy with one event for far too long."""
        queued = (o.sink for o in self._outlets if isinstance(o.sink, QueuedSink))
        return next((sink.name for sink in queued if sink.hung), None)

    @property
    def failed(self) -> list[str]:
        """The names of the parts that take no more events until they are opened anew."""
        return [outlet.name for outlet in self._outlets if outlet.failed]

    def close(self) -> None:
        """Close every sink, all at once: systemd waits for the slowest, not for their sum."""
        if self._changing is not None:
            self._changing.join(_CHANGING)
        closing = [
            Thread(target=outlet.close, name=f"closing {outlet.name}", daemon=True)
            for outlet in self._outlets
        ]
        for thread in closing:
            thread.start()
        until = monotonic() + _CLOSING
        for thread in closing:
            thread.join(max(0.0, until - monotonic()))


class _Outlet:
    """One part of the feedback: a sink, or none where the settings have it off."""

    def __init__(self, part: Part, control: Control, board: StatusBoard, sinks: list[Sink]) -> None:
        self._part = part
        self._control = control
        self._board = board
        self._sinks = sinks
        self._lock = Lock()
        self._stack = ExitStack()
        self._settings: Settings | None = None
        self._waiting: deque[EmotionEvent] | None = None
        self.sink: Sink | None = None
        self.is_waited_for = False
        """Whether `open_at_last` is still to come."""
        self.is_lost = False
        """Whether it is closed, as neither its new nor its former settings worked."""
        self._told = ""

    @property
    def name(self) -> str:
        return self._part.name

    @property
    def failed(self) -> bool:
        return isinstance(self.sink, QueuedSink) and self.sink.gave_up

    def open(self, settings: Settings) -> None:
        self._board.forget(self._part.name)
        with ExitStack() as stack:
            opening = Opening(settings, self._control, self._board, stack, self._sinks)
            sink = self._part.open(opening)
            if sink is not None:
                stack.callback(sink.close)
                stack.callback(self._sinks.remove, sink)
                self._sinks.append(sink)
            self.sink = sink
            self._stack = stack.pop_all()
        self._settings = settings
        if self.is_lost:
            self.is_lost = False
            logger.info("%s: %s", self._part.name, "off" if sink is None else "open again")

    def wait_for(self, settings: Settings) -> None:
        """Let events wait until it is opened, with these settings."""
        self.is_waited_for = True
        self._settings = settings
        self._waiting = deque(maxlen=_WAITING)

    def open_at_last(self) -> None:
        if not self.is_waited_for:
            return
        assert self._settings is not None  # waited for
        self.is_waited_for = False
        try:
            self.open(self._settings)
        finally:
            self._hand_on()

    def publish(self, event: EmotionEvent) -> None:
        with self._lock:
            if self._waiting is not None:
                self._waiting.append(event)
            elif self.sink is not None:
                self.sink.publish(event)

    def needs(self, settings: Settings) -> bool:
        """Whether it must be opened anew for these settings, or because it has failed."""
        return self.failed or self._values(settings) != self._values(self._settings)

    def change(self, settings: Settings) -> None:
        former = self._settings
        if not self.needs(settings):
            return
        self.is_waited_for = False
        with self._lock:
            if self._waiting is None:
                self._waiting = deque(maxlen=_WAITING)
        self.close()
        self.sink = None
        try:
            self._open_or_keep(settings, former)
        finally:
            self._hand_on()

    def _open_or_keep(self, settings: Settings, former: Settings | None) -> None:
        # Any error: the sinks that follow must have their new settings all the same.
        try:
            self.open(settings)
        except Exception as error:
            if self.is_lost and str(error) == self._told:
                self._board.report(self._part.name, f"closed: {error}")
                return
            logger.error("the new settings cannot be used: %s", error, exc_info=_trace(error))
            try:
                self.open(former or settings)
            except Exception as again:
                self._settings, self.is_lost, self._told = None, True, str(error)
                logger.error("%s stays closed: %s", self._part.name, again, exc_info=_trace(again))
                self._board.report(self._part.name, f"closed: {again}")

    def _hand_on(self) -> None:
        with self._lock:
            if self.is_lost:
                return
            waiting, self._waiting = self._waiting, None
            if self.sink is not None:
                for event in waiting or ():
                    self.sink.publish(event)

    def close(self) -> None:
        try:
            self._stack.close()
        except Exception:
            logger.exception("%s: it was not closed well", self._part.name)

    def _values(self, settings: Settings | None) -> list[Any]:
        sections = self._part.sections | self._part.shows
        return [getattr(settings, section, None) for section in sorted(sections)]


def _trace(error: Exception) -> Exception | None:
    """What to log beyond the words: nothing where they were meant for people."""
    return None if isinstance(error, AgentError) else error
