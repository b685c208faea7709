"""The seam to everything that events go to."""

from __future__ import annotations

from typing import Protocol

from agent.types import EmotionEvent


class Sink(Protocol):
    """Takes events; never blocks and never raises into the pipeline."""

    name: str

    def publish(self, event: EmotionEvent) -> None:
        """Take an event; what cannot be delivered is counted and logged, not raised."""
        ...

    def close(self) -> None:
        """Deliver what is waiting, within a second or two, and give back what is held."""
        ...
