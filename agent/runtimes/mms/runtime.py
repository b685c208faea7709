"""Reads faces on a model server, and on this machine whatever a server does not read in time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Manifest
from agent.runtimes.mms.server import Limits, Server
from agent.runtimes.mms.servers import Servers
from agent.runtimes.runtime import EmotionRuntime
from agent.settings import MmsSettings
from agent.status import RemoteReading, ServerReading

logger = logging.getLogger(__name__)

_RESERVE: Final = 1.5
"""How much of the local model's usual time is kept free for it in each frame."""
_SERVERS_PART: Final = 0.5
"""Part of the deadline that a server has at least, however slow the local model is."""
_SLOWNESS_FORGOTTEN: Final = 0.1  # weight of the newest time in the average


@dataclass
class FrameCounts:
    """How many frames with faces each side has read, since the start."""

    by_server: int = 0
    by_local_model: int = 0


class MmsRuntime:
    """An `EmotionRuntime` on model servers, with the local model to fall back on.

    The crops of a frame are one request. What no server has answered in time is read by the local
    model at once, so a frame is read within its deadline whatever the servers do. An answer that
    comes later is thrown away: newer frames have been read by then.
    """

    kind = "mms"

    def __init__(
        self,
        manifest: Manifest,
        local: EmotionRuntime,
        settings: MmsSettings,
        health: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`local` runs the model on this machine and is closed with this runtime. `health` is told,
        from another thread, `ok` or which server ails and who reads instead.

        Waits a moment for the first server; none needs to be there.
        """
        self.model = manifest.model_id
        self.counts = FrameCounts()
        self._preprocessing = manifest.preprocessing
        self._local = local
        self._deadline = settings.deadline_ms / 1000
        side = self._preprocessing.side
        probe = np.random.default_rng(0).integers(0, 256, (1, side, side), np.uint8)
        local.predict(probe)  # the first one is slower than those that follow
        began = perf_counter()
        local.predict(probe)
        self._seconds_per_crop = perf_counter() - began
        self._servers: Servers | None = Servers(
            settings.endpoints,
            settings.model or manifest.name,
            manifest.model_id,
            probe,
            Limits(self._budget(1), settings.probe_interval),
            health,
        )

    @property
    def servers(self) -> tuple[Server, ...]:
        """The servers in the order of the settings: their state and counts, for reading only."""
        return self._servers.listed if self._servers else ()

    def remote(self) -> RemoteReading:
        """Who has read the frames so far, for metrics; any thread may ask."""
        return RemoteReading(
            self.counts.by_server,
            self.counts.by_local_model,
            tuple(
                ServerReading(s.name, s.ready, s.counts.answered, s.counts.late, s.counts.losses)
                for s in self.servers
            ),
        )

    def predict(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Calibrated probabilities, N x 8, of N x side x side grey crops; see `EmotionRuntime`."""
        if self._servers is None:
            raise RuntimeError("predict was called after close")
        self._preprocessing.check(crops)
        if not len(crops):
            return np.zeros((0, len(EMOTIONS)), np.float32)
        rows = self._servers.ask(crops, self._budget(len(crops)))
        if rows is None:
            return self._read_here(crops)
        self.counts.by_server += 1
        return rows

    def close(self) -> None:
        """End the connections, and give the local model back; calling it again does nothing."""
        if self._servers is not None:
            self._servers.close()
            self._servers = None
            logger.info(
                "model servers have read the faces of %d frames, the local model those of %d",
                self.counts.by_server,
                self.counts.by_local_model,
            )
        self._local.close()

    def _budget(self, crops: int) -> float:
        """Seconds that a server may take, so that the local model can still keep the deadline."""
        reserve = _RESERVE * self._seconds_per_crop * crops
        return max(self._deadline - reserve, _SERVERS_PART * self._deadline)

    def _read_here(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        began = perf_counter()
        rows = self._local.predict(crops)
        newest = (perf_counter() - began) / len(crops)
        self._seconds_per_crop += _SLOWNESS_FORGOTTEN * (newest - self._seconds_per_crop)
        self.counts.by_local_model += 1
        return rows
