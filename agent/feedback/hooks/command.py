"""The sink that runs a program of the user's."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from threading import BoundedSemaphore, Lock, Thread, Timer
from typing import Final

from agent.errors import AgentError
from agent.feedback.hooks.choice import is_chosen
from agent.feedback.hooks.program import Run
from agent.feedback.queued import QueuedSink
from agent.settings import CommandSettings
from agent.types import EmotionEvent

logger = logging.getLogger(__name__)

_CLOSING: Final = 1.0  # seconds that programs have left when the agent ends


class CommandSink(QueuedSink):
    """Runs the program for each chosen event, so many at once as the settings allow.

    Events that come meanwhile wait, a hundred at most: the oldest are dropped and counted.
    `delivered` counts the events that were chosen or left out, `failed` the runs that failed.
    """

    name = "command"
    capacity = 100

    def __init__(
        self, settings: CommandSettings, health: Callable[[str], None] = lambda _: None
    ) -> None:
        """`health` is told `ok` or what ails the program.

        Raises `AgentError` if there is no such program.
        """
        self.failed = 0
        self.patience = 2 * settings.timeout + super().patience  # it waits for one to end
        self._settings = settings
        self._command = settings.run or ()
        if not self._command or shutil.which(self._command[0]) is None:
            raise AgentError(
                f"feedback.command.run: there is no program {' '.join(self._command[:1])!r} that "
                "can be run; give its full path"
            )
        self._health = health
        self._slots = BoundedSemaphore(settings.at_once)
        self._lock = Lock()
        self._running: set[Run] = set()
        self._over = False
        self._told = ""
        self._told_dropped = 0
        super().__init__()

    def deliver(self, event: EmotionEvent) -> None:
        if not is_chosen(event, self._settings):
            return
        self._tell_dropped()
        self._slots.acquire()
        run = self._start()
        if run is None:
            self._slots.release()
            return
        text = json.dumps(event.as_dict()) + "\n"
        follower = Thread(target=self._see_through, args=(run, text), name="command", daemon=True)
        try:
            follower.start()
        except RuntimeError:  # the system gives no thread: then this one has to wait for its end
            self._see_through(run, text)

    def release(self) -> None:
        for _ in range(self._settings.at_once):  # each has ended when all slots are free
            self._slots.acquire()

    def close(self) -> None:
        end = Timer(_CLOSING, self._end)
        end.daemon = True
        end.start()
        super().close()
        end.cancel()
        self._end()

    def _start(self) -> Run | None:
        """A run of the program; None if it cannot be run, or the agent is about to end."""
        try:
            with self._lock:
                if self._over:
                    self.dropped += 1
                    return None
                run = Run(self._command)
                self._running.add(run)
                return run
        except OSError as error:
            self._fail(f"it cannot be run: {error.strerror or error}")
            return None

    def _see_through(self, run: Run, text: str) -> None:
        try:
            problem = run.finish(text, self._settings.timeout)
        except OSError as error:
            problem = error.strerror or str(error)
        with self._lock:
            self._running.discard(run)
            over = self._over
        if problem is None:
            self._succeed()
        elif not over:
            self._fail(problem)
        self._slots.release()

    def _end(self) -> None:
        """Start no more programs, and kill those that still run."""
        with self._lock:
            self._over = True
            running = list(self._running)
        if running:
            logger.warning("feedback.command: %d still running at the end: killed", len(running))
        for run in running:
            run.kill()

    def _succeed(self) -> None:
        with self._lock:
            was_told, self._told = self._told, ""
        if was_told:
            logger.info("feedback.command: %s works again", self._command[0])
        self._health("ok")

    def _fail(self, problem: str) -> None:
        with self._lock:
            told, self._told = self._told, problem
        if not told:  # once, until it works again
            logger.warning("feedback.command: %s: %s", self._command[0], problem)
        self._health(problem)
        with self._lock:
            self.failed += 1

    def _tell_dropped(self) -> None:
        if self.dropped and not self._told_dropped:
            logger.warning(
                "feedback.command: %s is too slow for the events: some are left out",
                self._command[0],
            )
        self._told_dropped = self.dropped
