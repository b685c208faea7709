"""Looks into the log of a model server."""

from __future__ import annotations

import re
from pathlib import Path


def handler_frames(log: Path) -> list[str]:
    """Files of the archive that stand in tracebacks of the log: where our code has raised.

    A worker whose connection is taken away says so with a traceback through the server's own files.
    """
    files = re.findall(r'File "([^"]+)", line', log.read_text())
    return [file for file in files if "/models/" in file]
