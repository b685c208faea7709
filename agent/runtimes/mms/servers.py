"""All model servers of the settings, on a thread of their own: the first that is ready reads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable, Sequence
from itertools import takewhile
from time import monotonic
from typing import Final

import numpy as np
import numpy.typing as npt

from agent.inference.bodies import MOST_PICTURES
from agent.runtimes.mms.line import Line
from agent.runtimes.mms.server import Limits, Question, Server
from agent.runtimes.mms.wire import encoded

logger = logging.getLogger(__name__)

_PATIENCE: Final = 2.0
"""Seconds after which a request without an answer is given up, if its deadline is not later. Until
then it counts as under way: the server still works on it."""
_FIRST_WORD: Final = 1.5
"""Seconds that the start waits for the first server; the local model reads from then on."""
_SPARE: Final = 1.0
"""Seconds beyond a deadline after which a thread that hangs is waited for no longer."""
_CLOSING: Final = 3.0


class Servers:
    """Asks the first server that is ready, in the order of the settings, and the next if that
    fails; tells in the log and to `health` who reads whenever that changes.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        model: str,
        expected: str,
        probe: npt.NDArray[np.uint8],
        limits: Limits,
        health: Callable[[str], None],
    ) -> None:
        """Returns when a server is ready, all are lost, or none has said anything for a while.

        `model` is the name that the servers know, `expected` the `name@version` that they must
        answer with; `probe` is the crop (1 x side x side) that they are tried with.
        """
        self._limits = limits
        self._health = health
        self.listed: tuple[Server, ...] = ()
        """The servers and what they have done, in the order of the settings."""
        self._settled = threading.Event()
        self._watches: list[asyncio.Task[None]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="model servers", daemon=True)
        self._thread.start()
        starting = self._start(addresses, model, expected, _question(probe))
        asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        if not self._settled.wait(_FIRST_WORD):
            logger.warning("no model server has answered yet; the local model reads")
            self._loop.call_soon_threadsafe(self._report)

    def ask(self, crops: npt.NDArray[np.uint8], seconds: float) -> npt.NDArray[np.float32] | None:
        """The probabilities (N x 8) of the crops of a frame; None if no server has given them
        within the time.
        """
        until = monotonic() + seconds
        if not any(server.ready for server in self.listed):
            return None
        asking = self._ask(_question(crops), until)
        future = asyncio.run_coroutine_threadsafe(asking, self._loop)
        try:
            return future.result(seconds + _SPARE)
        except concurrent.futures.TimeoutError:
            future.cancel()
            return None

    def close(self) -> None:
        """End the thread and its connections; calling it again does nothing."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        self._thread.join(_CLOSING)

    async def _ask(self, question: Question, until: float) -> npt.NDArray[np.float32] | None:
        for server in self.listed:
            if server.ready and monotonic() < until:
                rows = await server.ask(question, until)
                if rows is not None:
                    return rows
        return None

    async def _start(
        self, addresses: Sequence[str], model: str, expected: str, probe: Question
    ) -> None:
        self.listed = tuple(
            Server(
                address,
                Line(address, model, expected, max(_PATIENCE, self._limits.deadline)),
                probe,
                self._limits,
                self._heard_of,
            )
            for address in addresses
        )
        self._watches = [asyncio.create_task(server.watch()) for server in self.listed]

    async def _end(self) -> None:
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        for server in self.listed:
            await server.close()
        self._loop.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    @property
    def _reader(self) -> Server | None:
        return next((server for server in self.listed if server.ready), None)

    def _heard_of(self, server: Server) -> None:
        """A server became ready or was lost: tell it, and who reads now."""
        reader = self._reader
        if server.ready:
            role = "reads the faces" if server is reader else "stands by"
            logger.info("model server %s answers: it %s", server.name, role)
        else:
            logger.warning("model server %s: %s; %s", server.name, server.why, _reads(reader))
        self._report()
        if reader is not None or all(one.tried for one in self.listed):
            self._settled.set()

    def _report(self) -> None:
        """Say by `health` who reads, and what ails those that should."""
        reader = self._reader
        ailing = [f"{one.name}: {one.why}" for one in takewhile(_not_ready, self.listed)]
        self._health("; ".join([*ailing, _reads(reader)]) if ailing else "ok")


def _not_ready(server: Server) -> bool:
    return not server.ready


def _reads(reader: Server | None) -> str:
    return "the local model reads" if reader is None else f"{reader.name} reads"


def _question(crops: npt.NDArray[np.uint8]) -> Question:
    starts = range(0, len(crops), MOST_PICTURES)
    parts = [crops[start : start + MOST_PICTURES] for start in starts]
    return Question(tuple(map(encoded, parts)), tuple(map(len, parts)))
