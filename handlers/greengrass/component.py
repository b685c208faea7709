"""The run step of the component: the deployment's settings become a file, and the agent starts."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from agent.errors import AgentError
from agent.feedback.greengrass.nucleus import Nucleus, NucleusError, require_nucleus

KEY: Final = "settings"
"""Key of the component's configuration that holds the agent's settings."""
_TIMEOUT: Final = 30.0
"""Seconds that the nucleus may take, which has just started this process."""
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_HEAD: Final = "# Written at every start, from the deployment's configuration.\n"


def run(work: Path) -> NoReturn:
    """Become the agent, with the deployment's settings; `AgentError` where they cannot be had.

    `work` is the component's work folder: the settings file and the agent's state lie there.
    """
    require_nucleus("handlers.greengrass run")
    try:
        nucleus = Nucleus(_TIMEOUT)
        given = nucleus.configuration(KEY)
        nucleus.close()
    except NucleusError as error:
        raise AgentError(f"the nucleus does not give the configuration: {error}") from None
    thing = os.environ.get("AWS_IOT_THING_NAME")
    file = work / "agent.toml"
    _write(file, as_toml(({"device": thing} if thing else {}) | given))
    os.environ.setdefault("STATE_DIRECTORY", str(work / "state"))
    agent = Path(sys.executable).with_name("emotion-agent")
    os.execv(agent, [str(agent), "run", "--config", str(file)])


def as_toml(settings: Mapping[str, Any]) -> str:
    """The settings of a deployment as the agent's file: a line each, by their full names.

    What is null stays unset: a merge cannot take a key away.

    >>> print(as_toml({"source": {"uri": "0", "fps": None}, "faces": {"detect_every": 2}}), end="")
    # Written at every start, from the deployment's configuration.
    faces.detect_every = 2
    source.uri = "0"
    """
    return _HEAD + "".join(f"{key} = {_value(value)}\n" for key, value in sorted(_flat(settings)))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        key = prefix + (name if _BARE.fullmatch(name) else _value(name))
        if isinstance(value, Mapping):
            yield from _flat(value, f"{key}.")
        elif value is not None:
            yield key, value


def _value(value: Any) -> str:
    """A value of JSON as TOML, which writes texts, numbers and lists of them in the same way."""
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value if item is not None)}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _write(file: Path, text: str) -> None:
    """Write a file that nobody else can read: settings may hold passwords."""
    try:
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text)
    except OSError as error:
        raise AgentError(f"{file}: cannot be written: {error.strerror or error}") from None
