"""A publisher to kill: numbered events through the real webhook sink.

    poster_to_kill.py SETTINGS.json FOLDER FIRST LAST

Prints each number once the event is on disk, and stays until it is killed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from agent.feedback.hooks.webhook import WebhookSink
from agent.settings import Settings
from agent.status import StatusBoard
from tests.brokers.publisher import numbered

_BATCH = 20


def main(settings: Path, folder: Path, first: int, last: int) -> None:
    sink = WebhookSink(Settings.model_validate_json(settings.read_text()), StatusBoard(), folder)
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
