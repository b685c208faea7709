"""`emotion-agent events`: what the history holds, as lines, JSON or CSV."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, get_args

from agent.emotion.labels import EMOTIONS
from agent.errors import AgentError
from agent.settings import Settings
from agent.times import parse_time
from agent.types import EmotionEvent, EventType

_COLUMNS: Final = (
    "id", "type", "time", "device", "source", "frame", "track", "x", "y", "width", "height",
    "emotion", "previous", "confidence", "reason", "latency_ms", "model", *EMOTIONS,
)  # fmt: skip


def add_to(commands: Any, settings: Callable[[argparse.Namespace], Settings]) -> None:
    """Add the command; `settings` gives those that the arguments describe."""
    what = "read the history of events"
    events = commands.add_parser("events", help=what, description=f"{what}, the oldest first")
    events.add_argument("--since", metavar="TIME", help="1h, 2d (ago), or 2026-05-04T10:11 (local)")
    events.add_argument("--until", metavar="TIME", help="the same; default: now")
    events.add_argument("--emotion", metavar="NAME", help=f"{', '.join(EMOTIONS)} or unknown")
    events.add_argument("--type", metavar="TYPE", help=", ".join(get_args(EventType)))
    events.add_argument("--track", type=int, metavar="N", help="of one face within a run")
    events.add_argument("--limit", type=int, metavar="N", help="only the newest N")
    form = events.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a line")
    form.add_argument("--csv", action="store_true", help="a table, its header first")
    events.add_argument("--config", type=Path, metavar="FILE", help="the settings of the agent")
    events.add_argument(
        "--set", action="append", metavar="KEY=VALUE", help="a setting by its full name"
    )
    events.set_defaults(command=lambda arguments: _events(arguments, settings(arguments)))


def _events(arguments: argparse.Namespace, settings: Settings) -> int:
    from agent.feedback.history import history_file  # noqa: PLC0415
    from agent.feedback.recorded import Selection, read_events  # noqa: PLC0415

    now = datetime.now(timezone.utc)
    selection = Selection(
        since=parse_time(arguments.since, now) if arguments.since is not None else None,
        until=parse_time(arguments.until, now) if arguments.until is not None else None,
        emotion=_one_of((*EMOTIONS, "unknown"), arguments.emotion, "emotion"),
        type=_one_of(get_args(EventType), arguments.type, "type of event"),
        track=_at_least_one("--track", arguments.track),
        limit=_at_least_one("--limit", arguments.limit),
    )
    events = read_events(history_file(settings.device), selection)
    if arguments.csv:
        _write_csv(events)
    else:
        for event in events:
            print(json.dumps(event.as_dict()) if arguments.json else _dated(event))
    sys.stdout.flush()  # here, where a reader that has gone is not an error
    return 0


def _one_of(names: tuple[str, ...], given: str | None, what: str) -> str | None:
    if given is not None and given not in names:
        raise AgentError(f"there is no {what} '{given}'; those are {', '.join(names)}")
    return given


def _at_least_one(flag: str, number: int | None) -> int | None:
    if number is not None and not 1 <= number < 1 << 63:
        raise AgentError(f"{flag} {number}: give a whole number from 1 on")
    return number


def _dated(event: EmotionEvent) -> str:
    from agent.feedback.lines import readable  # noqa: PLC0415

    return f"{event.time.astimezone():%Y-%m-%d} {readable(event)}"


def _write_csv(events: Iterable[EmotionEvent]) -> None:
    table = csv.DictWriter(sys.stdout, _COLUMNS, lineterminator="\n", extrasaction="ignore")
    table.writeheader()
    for event in events:
        fields = event.as_dict()
        box = dict(zip(("x", "y", "width", "height"), fields["box"], strict=True))
        table.writerow(fields | box | event.probabilities)
