"""Secrets that are kept in files."""

from __future__ import annotations

import os
from pathlib import Path

from agent.errors import AgentError


def read_credential(setting: str, name: str) -> str:
    """The first line of a file; of a systemd credential where the name has no `/` and there are
    credentials.

    Raises `AgentError` that names the `setting` and the file for one that cannot be read.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder, name) if folder and "/" not in name else Path(name)
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "not text"
        raise AgentError(f"{setting}: {path}: {problem}") from None
    if not lines:
        raise AgentError(f"{setting}: {path} is empty")
    return lines[0]
