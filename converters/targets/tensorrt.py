"""TensorRT engines, which can only be made on a machine that has TensorRT and an NVIDIA GPU.

Elsewhere the ONNX files are all that can be made; the agent builds engines from them where it
runs, so an engine in the model's folder saves the first start on the same kind of machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from agent.emotion.manifest import Manifest, Precision
from agent.errors import ModelError
from agent.runtimes.runtime import EmotionRuntime
from agent.runtimes.tensorrt.building import EnginePrecision, PrecisionError
from agent.runtimes.tensorrt.engine_file import write_engine
from agent.runtimes.tensorrt.machine import Machine
from agent.runtimes.tensorrt.runtime import TensorRtRuntime
from converters.targets.onnx import float_onnx, quantized_onnx
from converters.targets.target import Artifact, Skipped, Task

_SOURCES: Final[dict[EnginePrecision, Callable[[Task], Path]]] = {
    "int8": quantized_onnx,
    "float16": float_onnx,
    "float32": float_onnx,
}


class TensorRtTarget:
    """Engines for this machine's GPU, for any number of faces up to the largest batch."""

    name = "tensorrt"

    def convert(self, task: Task, folder: Path) -> Sequence[Artifact | Skipped]:
        """Write `model-int8.engine`, `model-float16.engine` and `model-float32.engine`, or say
        which of them this machine cannot have.
        """
        try:
            machine = Machine()
        except ModelError as missing:
            return [Skipped(self.name, f"needs an NVIDIA GPU with TensorRT: {missing}")]
        return [
            self._made(machine, task, precision, folder)
            for precision in _SOURCES
            if precision in task.wanted
        ]

    def _made(
        self, machine: Machine, task: Task, precision: EnginePrecision, folder: Path
    ) -> Artifact | Skipped:
        try:
            key, engine = machine.build(_SOURCES[precision](task), precision)
        except PrecisionError as refused:
            return Skipped(f"{self.name} {precision}", str(refused))
        path = folder / f"model-{precision}.engine"
        write_engine(path, key, engine)
        return Artifact(path.name, self.name, precision)

    def open(self, manifest: Manifest, folder: Path, precision: Precision) -> EmotionRuntime:
        """The engine on this machine's GPU, as in the agent."""
        return TensorRtRuntime(manifest, folder, precision)
