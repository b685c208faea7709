"""The command line with which TensorRT's own tool, trtexec, builds the engine that the agent does.

For those who want to look at an engine, time it, or run it elsewhere. The agent does not need it:
it builds its engines by itself where it runs.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from agent.emotion import manifest as manifests
from agent.emotion.manifest import Precision
from agent.runtimes.tensorrt.building import (
    LARGEST_BATCH,
    USUAL_BATCH,
    WORKSPACE,
    EnginePrecision,
)

_INPUT: Final = "image"
_SWITCHES: Final[dict[EnginePrecision, tuple[str, ...]]] = {
    "int8": ("--int8",),
    "float16": ("--fp16",),
    "float32": (),
}
"""For TensorRT 8.4 to 10; TensorRT 11 has none of them and takes the types from the file."""


def command(onnx: Path, precision: EnginePrecision, side: int) -> str:
    """One line for a shell: builds `model-<precision>.plan` beside the file, and times it."""
    shapes = [
        f"--{name}Shapes={_INPUT}:{batch}x{side}x{side}x1"
        for name, batch in (("min", 1), ("opt", USUAL_BATCH), ("max", LARGEST_BATCH))
    ]
    words = [
        "trtexec",
        f"--onnx={onnx}",
        f"--saveEngine={onnx.with_name(f'model-{precision}.plan')}",
        *shapes,
        f"--memPoolSize=workspace:{WORKSPACE >> 20}",
        "--noTF32",
        *_SWITCHES[precision],
    ]
    return shlex.join(words)


def advice(folder: Path) -> str:
    """The commands for the ONNX files of a model's folder, with a line that says what they are."""
    manifest = manifests.read(folder)
    sources: list[tuple[Precision, EnginePrecision]] = [
        ("int8", "int8"),
        ("float32", "float16"),
        ("float32", "float32"),
    ]
    lines = ["the same engines by TensorRT's own tool (TensorRT 11 has no --int8 and --fp16):"]
    for source, precision in sources:
        file = manifest.file_for("onnx", source)
        if file is not None:
            lines.append(f"  {command(folder / file.file, precision, manifest.input.side)}")
    return "\n".join(lines)
