"""A broker with a device at it, and somebody who listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.hall import BASE, DISCOVERY, Hall
from tests.brokers.mosquitto import Mosquitto
from tests.brokers.watcher import Watcher


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def watcher(broker: Mosquitto) -> Iterator[Watcher]:
    broker.start()
    with Watcher(broker.plain, "emotion-agent/#", "homeassistant/#") as watcher:
        for topic in (f"{BASE}/availability", f"{BASE}/state", DISCOVERY):
            watcher.publish(topic, b"", retain=True)
        watcher.until(lambda: len(watcher.on(DISCOVERY)) > 0)
        watcher.forget()
        yield watcher


@pytest.fixture
def hall(broker: Mosquitto, tmp_path: Path) -> Iterator[Callable[..., Hall]]:
    open_halls: list[Hall] = []

    def new(**more: Any) -> Hall:
        open_halls.append(Hall(tmp_path, broker, **more))
        return open_halls[-1]

    yield new
    for opened in open_halls:
        opened.close()
