"""The web sink as the agent opens it, on a port of its own, and a client that can send anything."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection, HTTPSConnection
from time import monotonic, sleep
from typing import Any

import numpy as np

from agent.control import Control
from agent.emotion.labels import EMOTIONS
from agent.feedback.sink import Sink
from agent.feedback.web.sink import WebSink
from agent.settings import AudioSettings, Settings, WebSettings
from agent.status import Status, StatusBoard, TrackStatus, View
from agent.types import Box, EmotionEvent, Frame, Scores
from tests.patience import PATIENCE

HAPPY = Scores(np.array([0.1, 0.84, *[0.01] * 6], np.float32))
COMMAND = {"X-Emotion-Agent": "test", "Content-Type": "application/json"}


@dataclass(frozen=True)
class Reply:
    """What the server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A running page and all that stands behind it."""

    def __init__(self, settings: Settings) -> None:
        self.control = Control(read_settings=lambda: settings)
        self.board = StatusBoard()
        self.sinks: list[Sink] = []
        self.sink = WebSink(settings, self.control, self.board, self.sinks)
        self.tls = settings.web.tls_cert is not None
        self.port = int(self.sink.address.rstrip("/").rpartition(":")[2])

    def connect(self) -> HTTPConnection:
        if self.tls:
            trusting = ssl._create_unverified_context()
            return HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE, context=trusting)
        return HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> Reply:
        """A request; `Sec_Fetch_Site="cross-site"` is the header `Sec-Fetch-Site`."""
        connection = self.connect()
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            reply = connection.getresponse()
            return Reply(reply.status, dict(reply.getheaders()), reply.read())
        finally:
            connection.close()

    def command(self, name: str, body: Any, **headers: str) -> Reply:
        path = name if name.startswith("/") else f"/api/v1/commands/{name}"
        text = json.dumps(body).encode()
        return self.ask(path, "POST", text, **{**COMMAND, **headers})

    def show(self, **status: Any) -> None:
        """Have one happy face before the camera."""
        track = TrackStatus(1, "happiness", 0.84, None, Box(60, 40, 80, 80), HAPPY)
        self.board.show(replace(Status(state="live", tracks=(track,)), **status))

    def look(self, level: int = 128) -> None:
        """Have the camera give a picture: noise round a grey level, one face in it."""
        noise = np.random.default_rng(level).integers(-20, 20, (240, 320, 3))
        image = np.clip(level + noise, 0, 255).astype(np.uint8)
        frame = Frame(image, level, 0.0, monotonic(), datetime.now(timezone.utc))
        track = TrackStatus(1, "happiness", 0.84, None, Box(60, 40, 80, 80), HAPPY)
        self.board.view = View(frame, (track,))


@contextmanager
def serving(audio: bool = False, device: str = "hall", **web: Any) -> Iterator[Served]:
    settings = Settings(
        device=device,
        web=WebSettings.model_validate({"port": 0, **web}),
        audio=AudioSettings(enabled=audio),
    )
    served = Served(settings)
    try:
        yield served
    finally:
        served.sink.close()


def event(number: int = 0, emotion: str = "happiness", kind: Any = "changed") -> EmotionEvent:
    """An event some seconds ago."""
    return EmotionEvent(
        id=str(number),
        type=kind,
        time=datetime.now(timezone.utc) - timedelta(seconds=60 - number),
        device="hall",
        source="demo",
        frame=number,
        track=1,
        box=Box(10, 20, 99, 101),
        emotion=emotion,
        previous=None,
        confidence=0.93,
        probabilities=dict.fromkeys(EMOTIONS, 0.125),
        reason=None,
        latency_ms=12.34,
        model="fer-compact@1.0.0",
    )


class Stream:
    """A client that reads server-sent events."""

    def __init__(self, served: Served, path: str = "/api/v1/events/stream") -> None:
        self._connection = served.connect()
        self._connection.request("GET", path)
        self.reply = self._connection.getresponse()

    def next(self, kind: str) -> Any:
        """The data of the next message of that kind."""
        named = ""
        while True:
            line = self.reply.readline().decode().rstrip("\n")
            if line.startswith("event: "):
                named = line.removeprefix("event: ")
            elif line.startswith("data: ") and named == kind:
                return json.loads(line.removeprefix("data: "))
            elif not line and self.reply.isclosed():
                raise EOFError

    def close(self) -> None:
        self._connection.close()
        self.reply.close()


def until(condition: Any) -> None:
    end = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < end, "nothing happened"
        sleep(0.01)
