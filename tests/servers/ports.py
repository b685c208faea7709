"""Ports that a model server can listen on."""

from __future__ import annotations

import random

from agent.errors import AgentError
from handlers.mms.server import check_port


def free_port() -> int:
    """A port from 20000 to 32000 that nobody uses; the servers refuse those that systems give."""
    for _ in range(1000):
        port = random.randint(20_000, 32_000)
        try:
            check_port(port)
        except AgentError:
            continue
        return port
    raise AssertionError("no free port between 20000 and 32000")
