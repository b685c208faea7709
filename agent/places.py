"""Where the agent keeps what must outlive it: switches and events that are not delivered yet."""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path

from agent.errors import AgentError


def state_folder() -> Path:
    """The folder for the agent's state, made if it is missing.

    `$STATE_DIRECTORY` where systemd gives one; else `emotion-agent` in the user's XDG state home.
    Raises `AgentError` if it cannot be made.
    """
    given = os.environ.get("STATE_DIRECTORY")
    if given:
        folder = Path(given.split(":", maxsplit=1)[0])
    else:
        home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        folder = Path(os.path.expanduser(home), "emotion-agent")  # noqa: PTH111  needs no home
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise AgentError(
            f"cannot make the state folder {folder}: {error.strerror or error}; "
            "set STATE_DIRECTORY to a folder that can be written to"
        ) from None
    return folder


def device_folder(device: str) -> Path:
    """The part of the state folder that belongs to one device, made if it is missing."""
    folder = state_folder() / plain_name(device)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise AgentError(f"cannot make {folder}: {error.strerror or error}") from None
    return folder


def plain_name(device: str) -> str:
    """A device's name in letters, digits, `-` and `_`; different names stay different.

    >>> plain_name("hall")
    'hall'
    >>> plain_name("Küche 2")
    'K-che-2-a7e4a2c5'
    """
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", device)
    return plain if plain == device else f"{plain}-{zlib.crc32(device.encode()):08x}"
