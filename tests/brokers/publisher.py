"""A publisher to kill: numbered events through the real sink, about a thousand a second.

    publisher.py SETTINGS.json FOLDER FIRST LAST

Prints each number once the event is on disk, and stays until it is killed.
"""

from __future__ import annotations

import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from agent.control import Control
from agent.emotion.labels import EMOTIONS
from agent.feedback.mqtt.sink import MqttSink
from agent.settings import Settings
from agent.status import Status, StatusBoard
from agent.types import Box, EmotionEvent

_BATCH = 20


def numbered(number: int) -> EmotionEvent:
    return EmotionEvent(
        id=f"event-{number}",
        type="changed",
        time=datetime(2026, 5, 4, 10, 11, 12, tzinfo=timezone.utc),
        device="hall",
        source="film",
        frame=number,
        track=1,
        box=Box(10, 20, 100, 100),
        emotion="happiness",
        previous="neutral",
        confidence=0.93,
        probabilities=dict.fromkeys(EMOTIONS, 0.125),
        reason=None,
        latency_ms=12.5,
        model="fer-compact@1.0.0",
        picture=(640, 480),
    )


def main(settings: Path, folder: Path, first: int, last: int) -> None:
    board = StatusBoard()
    board.show(Status(state="live"))
    sink = MqttSink(Settings.model_validate_json(settings.read_text()), Control(), board, folder)
    for number in range(first, last + 1):
        sink.publish(numbered(number))
        if number % _BATCH == 0 or number == last:
            while sink.delivered < number - first + 1:
                time.sleep(0.001)
            print(number, flush=True)
            time.sleep(_BATCH / 1000)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
