"""A sink with a bounded queue and a worker of its own: a slow target costs only itself."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from threading import Condition, Thread
from time import monotonic
from typing import Final

from agent.types import EmotionEvent

logger = logging.getLogger(__name__)

_MANY: Final = 10  # events that wait; fewer are no sign of trouble
_CLOSING: Final = 1.5  # seconds that closing waits for the queue to empty


class QueuedSink(ABC):
    """Delivers events in order on a worker thread; a full queue drops the oldest and counts it."""

    name: str
    capacity = 10_000
    """Events that may wait; at one a second, almost three hours of a target that hangs."""

    patience = 120.0
    """Seconds after which one delivery counts as hung: longer than the target's own limits."""

    def __init__(self) -> None:
        self.delivered = 0
        self.dropped = 0
        self._queue: deque[EmotionEvent] = deque()
        self._changed = Condition()
        self._closing = False
        self._failed = False
        self._ailment = ""
        self._took: float | None = None
        self._worker = Thread(target=self._work, name=f"sink-{type(self).__name__}", daemon=True)
        self._worker.start()

    @abstractmethod
    def deliver(self, event: EmotionEvent) -> None:
        """Hand over one event; runs on the worker.

        An `OSError` is logged and disables the sink; any other error costs this event.
        """

    def release(self) -> None:  # noqa: B027  # most sinks hold nothing
        """Give back what the sink holds; runs once, after the last delivery."""

    @property
    def waiting(self) -> int:
        """Events that are queued."""
        return len(self._queue)

    @property
    def health(self) -> str:
        """`ok`, or what ails it in a few words."""
        if self._failed:
            return "takes no more events"
        lost = f", {self.dropped} lost" if self.dropped else ""
        if self._ailment:
            return f"failing: {self._ailment}{lost}"
        return f"{self.waiting} events wait{lost}" if self.waiting > _MANY else f"ok{lost}"

    def publish(self, event: EmotionEvent) -> None:
        """Queue an event."""
        with self._changed:
            if self._failed or self._closing:
                self.dropped += 1
                return
            if len(self._queue) >= self.capacity:
                self._queue.popleft()
                self.dropped += 1
            self._queue.append(event)
            self._changed.notify()

    @property
    def gave_up(self) -> bool:
        """Whether it has ended: its target took no more events."""
        return self._failed

    @property
    def hung(self) -> bool:
        """Whether one delivery takes so long that it will never end."""
        took = self._took
        return took is not None and monotonic() - took > self.patience

    def close(self) -> None:
        """Deliver what is queued, for a bounded time, and stop; closing again does nothing."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify()
        self._worker.join(_CLOSING)
        if self._worker.is_alive():
            with self._changed:
                self.dropped += len(self._queue)
            logger.warning("%s does not take events: %d left behind", self.name, len(self._queue))

    def _work(self) -> None:
        while (event := self._next()) is not None:
            self._took = monotonic()
            try:
                self.deliver(event)
                self.delivered += 1
                self._ailment = ""
            except OSError as error:
                self._give_up(error)
                break
            except Exception as error:
                # A worker that ended here would leave a sink that looks alive and takes nothing.
                self._lose(error)
            finally:
                self._took = None
        try:
            self.release()
        except OSError as error:
            logger.warning("%s: %s", self.name, error.strerror or error)

    def _next(self) -> EmotionEvent | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            return self._queue.popleft() if self._queue else None

    def _lose(self, error: Exception) -> None:
        """Count the event, and log the error once until a delivery goes well."""
        with self._changed:
            self.dropped += 1
        if not self._ailment:
            logger.error("%s: an event is lost", self.name, exc_info=error)
        self._ailment = repr(error)

    def _give_up(self, error: OSError) -> None:
        with self._changed:
            self._failed = True
            self.dropped += 1 + len(self._queue)
            self._queue.clear()
        logger.error("%s takes no more events: %s", self.name, error.strerror or error)
