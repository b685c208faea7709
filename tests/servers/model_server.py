"""Real model servers of both generations, from the environments below build/servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from agent.errors import AgentError
from handlers.mms.installation import Installation, find_java, installed_in
from handlers.mms.server import ModelServer, Plan
from tests.ports import free_port

GENERATIONS: Final = ("mms", "mms-1.0")
"""Environments by the name that scripts/setup-servers gives them."""

_ATTEMPTS: Final = 3  # another process may take a port between the look and the start


def environment(name: str) -> Path:
    """A server's environment; skips where it is not made."""
    folder = Path(__file__).resolve().parents[2] / "build" / "servers" / name
    if not (folder / ".installed").exists():
        pytest.skip(f"needs {folder}: scripts/setup-servers test")
    return folder


def installation(name: str) -> Installation:
    return installed_in(environment(name))


def java_home(name: str) -> dict[str, str]:
    """The variable by which a server of that environment finds Java, where it needs one."""
    home = find_java(environment(name))
    return {"JAVA_HOME": str(home)} if home else {}


@contextmanager
def running(
    name: str, archive: Path, log: Path, workers: int = 1, settings: Mapping[str, str] | None = None
) -> Iterator[ModelServer]:
    """A server of that environment on free ports, stopped at the end."""
    for attempt in range(_ATTEMPTS):
        plan = Plan(archive, free_port(), free_port(), workers, settings or {})
        server = ModelServer(installation(name), plan, log)
        try:
            server.__enter__()
        except AgentError as error:
            if attempt == _ATTEMPTS - 1:
                raise
            print(f"starts again, as {error}")
            continue
        break
    try:
        yield server
    finally:
        server.stop()
