"""Runs the expression model on an NVIDIA GPU with TensorRT."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.emotion.manifest import Manifest, Precision, checked_file
from agent.errors import ModelError
from agent.runtimes.outputs import answers, require_shapes
from agent.runtimes.tensorrt.building import EnginePrecision
from agent.runtimes.tensorrt.engine_file import read_engine
from agent.runtimes.tensorrt.machine import Machine
from agent.runtimes.tensorrt.session import Session
from agent.runtimes.tensorrt.source import source_file

logger = logging.getLogger(__name__)


class TensorRtRuntime:
    """An `EmotionRuntime` on TensorRT; belongs to one thread at a time.

    All faces of a frame go to the GPU as one batch, up to the engine's largest.
    """

    kind = "tensorrt"

    def __init__(self, manifest: Manifest, folder: Path, precision: Precision = "int8") -> None:
        """Load the engine, or build it from the model's ONNX file.

        Raises `ModelError` where TensorRT, CUDA or a GPU is missing, for a file that is missing,
        changed or damaged, and for a precision that cannot be had.
        """
        wanted = _engine_precision(precision)
        machine = Machine()
        self.model = manifest.model_id
        self._manifest = manifest
        self._preprocessing = manifest.preprocessing
        path, engine = _engine(machine, manifest, folder, wanted)
        session = machine.session(engine)
        try:
            require_shapes(path, manifest, [session.input.shape, session.output.shape])
        except ModelError:
            session.close()
            raise
        self._session: Session | None = session

    def predict(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Calibrated probabilities, N x 8, of N x side x side grey crops; see `EmotionRuntime`."""
        session = self._session
        if session is None:
            raise RuntimeError("predict was called after close")
        inputs = self._preprocessing.normalise(crops).reshape(-1, *self._manifest.input.shape)
        parts = [
            _run(session, inputs[start : start + session.batch])
            for start in range(0, len(inputs), session.batch)
        ]
        outputs = np.concatenate([np.zeros((0, *session.output.shape[1:]), np.float32), *parts])
        return answers(outputs, self._manifest)

    def close(self) -> None:
        """Give the GPU's memory back; calling it again does nothing."""
        session, self._session = self._session, None
        if session is not None:
            session.close()


def _run(session: Session, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Outputs for at most `session.batch` inputs; a fixed batch is filled up with zeros."""
    missing = 0 if session.free_batch else session.batch - len(inputs)
    filled = np.pad(inputs, [(0, missing), (0, 0), (0, 0), (0, 0)])
    return session.run(filled)[: len(inputs)]


def _engine_precision(precision: Precision) -> EnginePrecision:
    if precision in ("int8", "float16", "float32"):
        return precision
    raise ModelError(
        f"runtime.precision: TensorRT has no '{precision}'; it has int8, float16 and float32"
    )


def _engine(
    machine: Machine, manifest: Manifest, folder: Path, precision: EnginePrecision
) -> tuple[Path, bytes]:
    """The file that the engine comes from, and the engine.

    An engine beside the manifest serves machines like the one that it was built on; all others
    build theirs from the ONNX file.
    """
    if manifest.file_for("tensorrt", precision):
        path = checked_file(manifest, folder, "tensorrt", precision)
        key, engine = read_engine(path)
        here = machine.key(key.onnx_sha256, precision)
        if key.fits(here):
            return path, engine
        logger.info("%s is %s and not %s: not used", path, key, here)
    source = source_file(manifest, precision)
    path = checked_file(manifest, folder, "onnx", source.precision if source else precision)
    return path, machine.build(path, precision)[1]
