"""An API over the shipped model, a picture, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agent.classify import classify
from agent.model_api.worker import Worker
from agent.settings import Settings
from tests.model_api.client import Client, serve

DemoFile = Callable[[str], Path]


@pytest.fixture(scope="module")
def worker(demo_file: DemoFile) -> Iterator[Worker]:
    demo_file("blazeface-back")
    worker = Worker(Settings())
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def api(worker: Worker) -> Iterator[Client]:
    with ExitStack() as stack:
        yield serve(worker, stack, queue=8)


@pytest.fixture
def picture(demo_file: DemoFile) -> bytes:
    """A JPEG with one neutral face."""
    return demo_file("grace_hopper.jpg").read_bytes()


@pytest.fixture
def expected(demo_file: DemoFile) -> dict[str, Any]:
    """What `classify --json` says of it."""
    (line,) = classify([str(demo_file("grace_hopper.jpg"))], Settings())
    result = line.as_dict()
    del result["path"]
    return result
