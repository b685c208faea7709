"""The seam to every source of frames."""

from __future__ import annotations

from enum import Enum
from types import TracebackType
from typing import Protocol

from typing_extensions import Self

from agent.types import Frame


class SourceState(Enum):
    """What a source is doing."""

    OPENING = "opening"
    LIVE = "live"
    STALLED = "stalled"
    """No frame for longer than the read timeout; the source tries again by itself."""
    ENDED = "ended"
    """There will be no further frame."""


class Source(Protocol):
    """Frames, one after the other; entering it opens, leaving it closes.

    Entering raises `SourceError` for what can never work (no such file, not a picture). A camera
    that does not answer is no error: its state stays `opening` and it keeps trying.
    """

    name: str
    """How events name it; passwords in addresses are left out."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    @property
    def state(self) -> SourceState: ...

    @property
    def dropped(self) -> int:
        """Frames that came and were never read, so far."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why no frames come although it keeps trying, in a line; None while all is well."""
        ...

    @property
    def hung(self) -> bool:
        """Whether a call into the device should have come back long ago: no frame will come, and
        only another process can try again.
        """
        ...

    @property
    def reopened(self) -> int:
        """How often it was opened again so far, as it failed or fell silent."""
        ...

    def read(self, timeout: float) -> Frame | None:
        """The newest frame not read yet, waiting at most `timeout` seconds; None if there is none
        (look at `state` to tell an ended source from a slow one). Never returns an older frame
        than before. Raises `SourceError`, once, where something finite cannot go on (a film that
        is gone when it is to begin again).
        """
        ...
