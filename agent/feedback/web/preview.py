"""The live picture: drawn and encoded once a frame, and only while somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from agent.feedback.web.drawing import as_jpeg
from agent.status import StatusBoard, View

MOST_VIEWERS: Final = 10
"""Beyond this nobody else is let in."""


class _Encoder:
    """The newest picture, blurred or not, shared by all who look."""

    def __init__(self, blur: bool) -> None:
        self._blur = blur
        self._view: View | None = None
        self._jpeg = b""
        self._lock = asyncio.Lock()
        self.encoded = 0

    async def picture(self, view: View) -> bytes:
        async with self._lock:
            if view is not self._view:
                loop = asyncio.get_running_loop()
                self._jpeg = await loop.run_in_executor(None, as_jpeg, view, self._blur)
                self._view = view
                self.encoded += 1
            return self._jpeg


class Preview:
    """Pictures for viewers; for the loop's thread alone."""

    def __init__(self, board: StatusBoard, fps: float) -> None:
        self._board = board
        self._pause = 1 / fps
        self._clear, self._blurred = _Encoder(blur=False), _Encoder(blur=True)
        self.viewers = 0
        """How many look now."""

    @property
    def encoded(self) -> int:
        """Pictures that were drawn and encoded since the start."""
        return self._clear.encoded + self._blurred.encoded

    async def one(self, blur: bool) -> bytes | None:
        """The newest picture as a JPEG; None while the camera is off."""
        view = self._board.view
        return await self._encoder(blur).picture(view) if view is not None else None

    async def pictures(self, blur: bool) -> AsyncIterator[bytes]:
        """The newest picture, again and again, as fast as it is taken; never the same twice."""
        last: View | None = None
        while True:
            view = self._board.view
            if view is not None and view is not last:
                yield await self._encoder(blur).picture(view)
            last = view
            await asyncio.sleep(self._pause)

    def _encoder(self, blur: bool) -> _Encoder:
        return self._blurred if blur else self._clear
