"""An engine as a file that says what it is for: one line of JSON, then TensorRT's bytes.

TensorRT does not promise to survive wrong or damaged bytes, so both are found out before it sees
them.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from agent.errors import ModelError
from agent.runtimes.tensorrt.building import LARGEST_BATCH, RECIPE, EnginePrecision
from agent.runtimes.tensorrt.cuda import Gpu

_FORMAT: Final = "emotion-agent engine"
_LONGEST_LINE: Final = 4096  # bytes


@dataclass(frozen=True)
class EngineKey:
    """All that an engine depends on."""

    onnx_sha256: str
    gpu: Gpu
    tensorrt: str
    """TensorRT's version."""
    precision: EnginePrecision
    recipe: int = RECIPE
    largest_batch: int = LARGEST_BATCH

    def fits(self, other: EngineKey) -> bool:
        """Whether both are for the same machine and precision, of whatever model."""
        return replace(self, onnx_sha256="") == replace(other, onnx_sha256="")

    def __str__(self) -> str:
        return f"{self.precision} for {self.gpu}, TensorRT {self.tensorrt}"


def write_engine(path: Path, key: EngineKey, engine: bytes) -> None:
    """Write the file, whole or not at all; raises `OSError` where that cannot be."""
    head = {"format": _FORMAT, "sha256": hashlib.sha256(engine).hexdigest(), **asdict(key)}
    draft = path.with_suffix(".part")
    try:
        draft.write_bytes(json.dumps(head).encode() + b"\n" + engine)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()  # on a full disk it would take the room that the history needs
        raise


def read_engine(path: Path) -> tuple[EngineKey, bytes]:
    """What the file says that it is for, and TensorRT's bytes.

    Raises `ModelError` for a file that is no such file or damaged, `OSError` for none.
    """
    with path.open("rb") as stream:
        line = stream.readline(_LONGEST_LINE)
        engine = stream.read()
    try:
        head = json.loads(line)
        if head.pop("format") != _FORMAT:
            raise ValueError
        digest, key = head.pop("sha256"), _key(head)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ModelError(f"{path}: not an engine file of the agent's") from None
    if digest != hashlib.sha256(engine).hexdigest():
        raise ModelError(f"{path}: the engine was changed or damaged")
    return key, engine


def _key(head: dict[str, Any]) -> EngineKey:
    name, capability, processors = head.pop("gpu")
    return EngineKey(gpu=Gpu(name, tuple(capability), processors), **head)
