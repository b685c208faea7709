"""`emotion-agent mqtt`: what has to be done at the broker by hand."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.settings import Settings


def add_to(commands: Any, settings: Callable[[argparse.Namespace], Settings]) -> None:
    """Add the command; `settings` gives those that the arguments describe."""
    mqtt = commands.add_parser("mqtt", help="clean up at the MQTT broker")
    actions = mqtt.add_subparsers(required=True, metavar="ACTION")
    what = "delete what the broker retains of this device; Home Assistant then forgets it"
    remove = actions.add_parser("remove", help=what, description=what)
    remove.add_argument("--config", type=Path, metavar="FILE", help="the settings of the agent")
    remove.add_argument(
        "--set", action="append", metavar="KEY=VALUE", help="a setting by its full name"
    )
    remove.set_defaults(command=lambda arguments: _remove(settings(arguments)))


def _remove(settings: Settings) -> int:
    from agent.feedback.mqtt.removal import remove  # noqa: PLC0415  # paho, only where it is used

    for topic in remove(settings.device, settings.mqtt):
        print(f"removed {topic}")
    return 0
