"""`emotion-agent calibrate`: have the running agent look at a resting face, over its page's API."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

from agent.errors import AgentError
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.commands.running_agent import RunningAgent

_PATIENCE: Final = 30.0
"""Seconds that the agent may take for telling the outcome."""
_POLL: Final = 0.25


def add_to(
    commands: Any,
    settings: Callable[[argparse.Namespace], Settings],
    with_settings: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add the command; `settings` gives those of the running agent."""
    what = "look neutral for five seconds before the running agent's camera"
    parser = commands.add_parser("calibrate", help=what, description=what)
    with_settings(parser)
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--undo", action="store_true", help="forget what was measured")
    either.add_argument("--show", action="store_true", help="tell what is applied")
    parser.set_defaults(command=lambda arguments: _calibrate(arguments, settings(arguments)))


def _calibrate(arguments: argparse.Namespace, settings: Settings) -> int:
    from agent.commands.running_agent import RunningAgent  # noqa: PLC0415  # HTTP and TLS take a while

    agent = RunningAgent(settings.web)
    if arguments.show:
        print(_in_words(agent.calibration()))
        return 0
    print(agent.command(undo=arguments.undo), flush=True)
    if not arguments.undo:
        print(_outcome(agent))
    return 0


def _outcome(agent: RunningAgent) -> str:
    end = monotonic() + _PATIENCE
    while monotonic() < end:
        told = agent.calibration()
        if told["refusal"] is not None:
            raise AgentError(f"not calibrated: {told['refusal']}")
        if told["state"] != "measuring":
            return _in_words(told)
        sleep(_POLL)
    raise AgentError("the agent does not tell the outcome; `emotion-agent calibrate --show` may")


def _in_words(told: dict[str, Any]) -> str:
    if told["trouble"] is not None:
        return f"not applied: {told['trouble']}"
    if told["state"] == "applied":
        return f"applied since {told['time']}: {told['about']}"
    return "being measured" if told["state"] == "measuring" else "not calibrated"
