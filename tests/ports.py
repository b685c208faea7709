"""Ports for what must know its port before it listens, or must find it again.

They lie below those that Linux hands out (from 32768), which another program may get at any moment
and the model servers refuse. Tests that run side by side never get the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import cycle, islice
from random import SystemRandom

from agent.errors import AgentError
from handlers.mms.server import check_port

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_OWN = range(20_000 + _WORKER % _WORKERS, 32_000, _WORKERS)
# Not `random`, which Keras seeds; from anywhere, as another checkout may be tested, too.
_BEGIN = SystemRandom().randrange(len(_OWN))
_NEXT: Iterator[int] = cycle([*_OWN[_BEGIN:], *_OWN[:_BEGIN]])


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on, each time another."""
    for port in islice(_NEXT, len(_OWN)):
        try:
            check_port(port)
        except AgentError:
            continue
        return port
    raise AssertionError("every port from 20000 to 32000 is taken")


def free_ports(count: int) -> list[int]:
    return [free_port() for _ in range(count)]
