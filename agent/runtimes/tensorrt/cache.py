"""Keeps built engines, so that only the first start with a model takes minutes.

An engine is only good for the ONNX file, the GPU, the TensorRT release and the precision that it
was built for; for anything else it is built anew.
"""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path
from typing import Final

from agent.errors import AgentError
from agent.places import state_folder
from agent.runtimes.tensorrt.engine_file import EngineKey, read_engine, write_engine

KEPT: Final = 8
"""Engines that stay; each is a few megabytes. Those built longest ago go first."""

logger = logging.getLogger(__name__)


def load(key: EngineKey) -> bytes | None:
    """The engine built earlier, or None; a file that cannot be used is logged and left out."""
    try:
        path = _folder() / _file_name(key)
        found, engine = read_engine(path)
    except FileNotFoundError:
        return None
    except (AgentError, OSError) as error:
        logger.warning("an engine in the cache is not used: %s", error)
        return None
    return engine if found == key else None


def store(key: EngineKey, engine: bytes) -> None:
    """Keep an engine; where that cannot be, a warning says so."""
    try:
        folder = _folder()
        write_engine(folder / _file_name(key), key, engine)
        _forget_old(folder)
    except (AgentError, OSError) as error:
        logger.warning("the engine cannot be kept and will be built at every start: %s", error)


def _folder() -> Path:
    folder = state_folder() / "engines"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _file_name(key: EngineKey) -> str:
    """Readable, and another one as soon as anything in the key differs."""
    board = re.sub(r"[^A-Za-z0-9]+", "-", key.gpu.name).strip("-")
    digest = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
    return f"{board}-trt{key.tensorrt}-{key.precision}-{digest}.engine"


def _forget_old(folder: Path) -> None:
    newest_first = sorted(
        folder.glob("*.engine"), key=lambda path: path.stat().st_mtime_ns, reverse=True
    )
    for path in newest_first[KEPT:]:
        path.unlink(missing_ok=True)
