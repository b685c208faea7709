"""Plays the newest cue, whatever becomes of the device: opens it again when it fails or comes back.

A worker thread starts the process that drives the device, passes cues on and waits for answers. A
process that fails, crashes or does not answer is killed and, after a while, replaced.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from select import select
from threading import Lock, Thread
from time import monotonic
from typing import Final

from agent.feedback.audio.process import Answer, OutputProcess, Sounds

logger = logging.getLogger(__name__)

PROBE: Final = "probe"
"""Name of the sound that tries the device; it should be silence."""

_FRESH: Final = 1.0  # seconds; an older cue is not worth playing after a device was replaced
_PAUSES: Final = (0.5, 60.0)  # seconds between two tries at a lost device: the first, the longest
_CLOSING: Final = 1.5  # seconds that closing waits for the cue that plays


@dataclass(frozen=True)
class Cue:
    """A sound to play now."""

    sound: str
    captured: float
    """`time.monotonic()` when the frame behind it was captured."""
    asked: float
    """`time.monotonic()` when it was asked for."""


class Player:
    """One cue at a time, the newest wins; `play` may be called from any thread and never blocks."""

    def __init__(
        self,
        device: str | None,
        sounds: Sounds,
        health: Callable[[str], None] = lambda _: None,
        patience: float = 10.0,
    ) -> None:
        """`device` is (part of) a name, None the default one; `sounds` must have a `PROBE`.
        `health` is told `ok` or what ails the device. A device that does not answer for `patience`
        seconds, beyond the length of a cue, counts as lost.
        """
        self.asked = 0
        """Cues that were asked for: those played, those dropped, and one that plays."""
        self.played = 0
        """Cues that were heard to their end."""
        self.dropped = 0
        """Cues that a newer one replaced, or that no device could play."""
        self.latency: float | None = None
        """Seconds from the frame to the first sample, of the last cue."""
        self._device = "the default sound device" if device is None else f"sound device {device!r}"
        self._wanted = device
        self._sounds = sounds
        self._health = health
        self._patience = patience
        self._lock = Lock()
        self._newest: Cue | None = None
        self._closing = False
        self._wake_up, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._process: OutputProcess | None = None
        self._proven = False  # whether this process has played
        self._current: Cue | None = None  # what it is playing, or was told to
        self._number = 0
        self._deadline = inf
        self._lost = False
        self._pause, self._retry_at = _PAUSES[0], inf
        self._worker = Thread(target=self._work, name="sound", daemon=True)
        self._worker.start()

    def play(self, cue: Cue) -> None:
        """Play this cue, in place of any other."""
        with self._lock:
            if self._closing:
                return
            self.asked += 1
            self.dropped += self._newest is not None
            self._newest = cue
            self._rouse()

    def close(self) -> None:
        """Let the cue that plays end, for a bounded time, and give the device back."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._rouse()
        self._worker.join(_CLOSING + 1.5)

    @property
    def _sounding(self) -> bool:
        """Whether a cue is on its way to the device."""
        return self._current is not None and self._current.sound != PROBE

    def _rouse(self) -> None:
        with suppress(BlockingIOError):  # a full pipe wakes as well
            os.write(self._wake, b"!")

    def _work(self) -> None:
        self._outlive(lambda: self._try(Cue(PROBE, monotonic(), monotonic())))
        until = inf
        while not self._closing or self._newest or (self._sounding and monotonic() < until):
            self._outlive(self._step)
            if self._closing and until == inf:
                until = monotonic() + _CLOSING
        if self._process is not None:
            self._process.kill()
        os.close(self._wake_up)
        with self._lock:
            os.close(self._wake)

    def _outlive(self, step: Callable[[], None]) -> None:
        """Do a step; a dead thread would leave the agent silent for good."""
        try:
            step()
        except Exception as error:
            logger.exception("%s: trying again", self._device)
            if self._sounding:
                self._drop()
            self._lose(repr(error))

    def _step(self) -> None:
        """Wait until something is to be done, and do it."""
        due = min(self._deadline, self._retry_at)
        sources: list[int | OutputProcess] = [self._wake_up]
        if self._process is not None:
            sources.append(self._process)
        left = None if due == inf else max(0.0, due - monotonic())
        ready = select(sources, [], [], 0.05 if self._closing else left)[0]
        if self._wake_up in ready:
            os.read(self._wake_up, 4096)
        with self._lock:
            cue, self._newest = self._newest, None
        if cue is not None:
            self._present(cue)
        elif (process := self._process) is not None and process in ready:
            for answer in process.answers():
                if process is self._process:  # not what a process says that has just failed
                    self._take(answer)
        if monotonic() >= self._deadline:
            self._fail("it does not answer")
        if monotonic() >= self._retry_at and not self._closing:
            self._try(Cue(PROBE, monotonic(), monotonic()))

    def _present(self, cue: Cue) -> None:
        """Play a cue, if there is a device for it."""
        if self._process is None or self._sounding:
            self._drop()
        if self._process is not None:
            self._send(self._process, cue)

    def _try(self, cue: Cue) -> None:
        """Play a cue on a new process, which sees the devices that there are now."""
        self._retry_at = inf
        self._proven = False
        try:
            self._process = OutputProcess(self._wanted, self._sounds)
        except OSError as error:
            self._fail(error.strerror or str(error))
        else:
            self._send(self._process, cue)

    def _send(self, process: OutputProcess, cue: Cue) -> None:
        self._number += 1
        self._current = cue
        # A cue that replaces another must not make a device that hangs look alive.
        self._deadline = min(self._deadline, self._latest(cue))
        process.play(self._number, cue.sound)

    def _latest(self, cue: Cue) -> float:
        """When a device that plays this cue must have answered."""
        return monotonic() + self._sounds.seconds(cue.sound) + self._patience

    def _take(self, answer: Answer) -> None:
        if answer.word == "unusable":
            self._give_up(answer.rest)
            return
        if answer.word in {"failed", "gone"}:
            self._fail(answer.rest)
            return
        if self._current is not None:
            self._deadline = self._latest(self._current)
        if self._current is None or answer.number != self._number:
            return  # about a cue that has been replaced
        if answer.word == "first":
            self._began(self._current, answer.time)
        else:
            self._ended(self._current)

    def _began(self, cue: Cue, time: float) -> None:
        if cue.sound != PROBE:
            self.latency = time - cue.captured
            logger.debug(
                "cue %s: first sample %.0f ms after its frame", cue.sound, 1000 * self.latency
            )

    def _ended(self, cue: Cue) -> None:
        if cue.sound != PROBE:
            self.played += 1
        self._current, self._deadline = None, inf
        self._proven, self._pause = True, _PAUSES[0]
        if self._lost:
            self._lost = False
            logger.info("%s is back", self._device)
        self._health("ok")

    def _fail(self, words: str) -> None:
        cue, sounding, proven = self._current, self._sounding, self._proven
        self._stop()
        fresh = cue is not None and monotonic() - cue.asked < _FRESH
        if cue is not None and fresh and proven:
            # It worked before: perhaps only the device behind it was plugged in anew.
            self._try(cue)
            return
        if sounding:
            self._drop()
        if not self._lost:
            logger.warning("%s: %s; going on without sound until it is back", self._device, words)
        self._lose(words)

    def _lose(self, words: str) -> None:
        """Leave the device alone for a while."""
        self._stop()
        self._lost = True
        self._health(words)
        self._retry_at = monotonic() + self._pause
        self._pause = min(2 * self._pause, _PAUSES[1])

    def _give_up(self, words: str) -> None:
        if self._sounding:
            self._drop()
        self._stop()
        logger.error("%s; going on without sound", words)
        self._health(words)

    def _drop(self) -> None:
        with self._lock:
            self.dropped += 1

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._process, self._current, self._deadline = None, None, inf
