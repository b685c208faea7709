"""One model server: whether it can be used, by what it answers and how soon."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.runtimes.mms.line import AT_ONCE, Line
from agent.runtimes.mms.wire import ServerFaultError

_TOLERATED: Final = 3
"""Answers in a row that may come too late before the server counts as lost."""
_FIRST_PAUSE: Final = 0.25
"""Seconds before a lost server is tried again; doubled each time."""

_TOO_LATE: Final = "its answers come too late"

Rows = npt.NDArray[np.float32]


class Question(NamedTuple):
    """The crops of one frame, ready to be sent."""

    bodies: tuple[bytes, ...]
    """One for a frame of up to 64 faces."""
    counts: tuple[int, ...]
    """Crops in each body."""


class Limits(NamedTuple):
    """How soon a server must answer, and how often it is tried; in seconds."""

    deadline: float
    probe_interval: float


@dataclass
class ServerCounts:
    """What has become of the frames that were sent to one server, since the start."""

    answered: int = 0
    """Read in time."""
    late: int = 0
    """Not answered by their deadline, or not even sent, with two others under way."""
    faults: int = 0
    """Refused, or answered by something that is no answer; trial predictions count too."""
    losses: int = 0
    """Times that it was lost after it had been ready."""


class Server:
    """A server of the settings; everything but reading its state belongs to its event loop.

    It is ready once it has answered a trial prediction within the deadline: a ping, or the state
    that a server tells of itself, comes before its model is loaded. It is lost at the first fault
    and after three answers in a row that were late, and is then tried again, ever more seldom.
    """

    def __init__(
        self, name: str, line: Line, probe: Question, limits: Limits, told: Callable[[Server], None]
    ) -> None:
        """`told` is called, on the loop, when the server became ready or lost, or is lost for
        another reason than before.
        """
        self.name = name
        self.ready = False
        self.tried = False
        """Whether it is known to be ready or lost."""
        self.why = "no answer yet"
        """What is wrong with a server that is not ready."""
        self.counts = ServerCounts()
        self._line = line
        self._probe_question = probe
        self._limits = limits
        self._told = told
        self._under_way: set[asyncio.Task[Rows]] = set()
        self._misses = 0
        self._pause = _FIRST_PAUSE
        self._heard = 0.0
        self._lost = asyncio.Event()

    async def ask(self, question: Question, until: float) -> Rows | None:
        """The answer to a frame; None if it is lost by that, or `until` (monotonic) has come.

        A question that is not answered in time stays under way: the server works on it all the
        same. With two of these the server is not asked.
        """
        if len(self._under_way) >= AT_ONCE:
            self._miss()
            return None
        task = self._send(question)
        await asyncio.wait({task}, timeout=max(until - monotonic(), 0))
        if not task.done():
            self._miss()
            return None
        if task.cancelled() or task.exception() is not None:
            return None
        self.counts.answered += 1
        self._misses = 0
        self._pause = _FIRST_PAUSE
        return task.result()

    async def watch(self) -> None:
        """Try the server now, and again whenever it is lost or has not been used for a while."""
        await self._try()
        while True:
            if self.ready:
                await self._until_lost_or_unused()
            else:
                await asyncio.sleep(self._pause * random.uniform(0.8, 1.2))  # boards keep no step
                self._pause = min(2 * self._pause, self._limits.probe_interval)
                await self._try()

    async def close(self) -> None:
        """Give up what is under way and close the connections."""
        self._abandon()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._line.close()

    def _send(self, question: Question) -> asyncio.Task[Rows]:
        task = asyncio.create_task(self._exchange(question))
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Rows]) -> None:
        self._under_way.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._heard = monotonic()
        else:
            self.counts.faults += 1
            self._lose(str(error) if isinstance(error, ServerFaultError) else repr(error))

    async def _exchange(self, question: Question) -> Rows:
        parts = [
            await self._line.predict(body, count)
            for body, count in zip(question.bodies, question.counts, strict=True)
        ]
        return np.concatenate(parts)

    async def _try(self) -> None:
        """A trial prediction; makes the server ready, or tells what is wrong with it."""
        began = monotonic()
        task = self._send(self._probe_question)
        await asyncio.wait({task})
        if task.cancelled() or task.exception() is not None:
            return
        if monotonic() - began > self._limits.deadline:
            self._miss()
        elif not self.ready:
            self.ready = self.tried = True
            self.why = ""
            self._misses = 0
            self._lost.clear()
            self._told(self)

    async def _until_lost_or_unused(self) -> None:
        while self.ready:
            quiet = monotonic() - self._heard
            if quiet >= self._limits.probe_interval:
                await self._try()
            else:
                try:
                    await asyncio.wait_for(self._lost.wait(), self._limits.probe_interval - quiet)
                except asyncio.TimeoutError:
                    continue

    def _miss(self) -> None:
        self.counts.late += 1
        self._misses += 1
        if self._misses >= _TOLERATED or not self.ready:
            self._lose(_TOO_LATE)

    def _lose(self, why: str) -> None:
        changed = self.ready or why != self.why
        self.counts.losses += self.ready
        self.ready, self.tried, self.why = False, True, why
        self._lost.set()
        self._abandon()
        if changed:
            self._told(self)

    def _abandon(self) -> None:
        for task in self._under_way:
            task.cancel()
