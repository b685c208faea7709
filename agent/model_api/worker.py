"""The one thread that reads what the API's clients send, behind the vision loop in line."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any, Final

from agent.inference.opening import open_inference
from agent.inference.request import Answer, Request
from agent.inference.service import Inference
from agent.settings import Settings

logger = logging.getLogger(__name__)

_NICE: Final = 10
"""How far the worker steps back where the processor is short."""


class Worker:
    """Detector and model of its own, on a thread of its own with a lower priority."""

    def __init__(self, settings: Settings) -> None:
        """Load what the settings name; raises `AgentError` for what is missing.

        Where the agent asks model servers, this uses the model here: it is one of them itself.
        """
        if settings.runtime.kind == "mms":
            here = settings.runtime.model_copy(update={"kind": "auto"})
            settings = settings.model_copy(update={"runtime": here})
        self._thread = ThreadPoolExecutor(1, "model api worker", _step_back)
        self._began = datetime.now(timezone.utc)
        # Opened on that thread: the threads that an engine starts inherit the priority.
        self._inference: Inference = self._thread.submit(open_inference, settings).result()
        self.model = self._inference.model
        self.engine = self._inference.engine

    async def answer(self, request: Request) -> Answer:
        """The answer to one request, in the order in which they come."""
        loop = asyncio.get_running_loop()
        answers = await loop.run_in_executor(self._thread, self._inference.answer, [request])
        return answers[0]

    def described(self) -> dict[str, Any]:
        """The worker as MXNet Model Server describes one."""
        return {
            "id": "0",
            "startTime": self._began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "status": "READY",
            "gpu": False,
            "memoryUsage": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }

    def close(self) -> None:
        """End after the picture that is being read; what waits is given up."""
        self._inference.give_up()
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._inference.close()


def _step_back() -> None:
    """Lower the priority of this thread alone, which only Linux knows."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        usual = os.getpriority(os.PRIO_PROCESS, thread)
        try:
            os.setpriority(os.PRIO_PROCESS, thread, usual + _NICE)
        except OSError as error:  # a sandbox may forbid it; what fails here would end the thread
            logger.warning("api: the vision loop does not go first: %s", error.strerror)
