"""Runs the expression model on ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.emotion.manifest import Manifest, Precision, checked_file
from agent.errors import ModelError
from agent.runtimes.outputs import answers, require_shapes

_FATAL: Final = 4
"""Severity of log lines that ONNX Runtime prints; what fails is raised as well."""


_BATCH: Final = 32
"""Most faces at once: what a network holds in between grows with each, 4 MB for fer-compact."""


class OnnxRuntime:
    """An `EmotionRuntime` on ONNX Runtime's CPU provider; the faces of a frame are one batch."""

    kind = "onnx"

    def __init__(
        self, manifest: Manifest, folder: Path, precision: Precision = "int8", threads: int = 1
    ) -> None:
        """Load the model of that precision from the manifest's folder.

        Raises `ModelError` for a file that is missing, changed, damaged, or whose input or output
        is not what the manifest says, and where ONNX Runtime is not installed.
        """
        path = checked_file(manifest, folder, self.kind, precision)
        self.model = manifest.model_id
        self._manifest = manifest
        self._preprocessing = manifest.preprocessing
        self._session: Any = _session(path, threads)
        ends = [*self._session.get_inputs(), *self._session.get_outputs()]
        require_shapes(path, manifest, [tuple(end.shape) for end in ends])
        self._input = ends[0].name
        self._batch = 1 if ends[0].shape[0] == 1 else _BATCH

    def predict(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Calibrated probabilities, N x 8, of N x side x side grey crops; see `EmotionRuntime`."""
        return answers(self.outputs(crops), self._manifest)

    def outputs(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """What the network gives for the crops: N rows with a number for each of its labels."""
        if self._session is None:
            raise RuntimeError("predict was called after close")
        inputs = self._preprocessing.normalise(crops).reshape(-1, *self._manifest.input.shape)
        batches = [inputs[at : at + self._batch] for at in range(0, len(inputs), self._batch)]
        rows = [self._session.run(None, {self._input: batch})[0] for batch in batches]
        return np.concatenate([np.zeros((0, len(self._manifest.labels)), np.float32), *rows])

    def close(self) -> None:
        """Give the session's memory back; calling it again does nothing."""
        self._session = None


def _session(path: Path, threads: int) -> Any:
    try:
        import onnxruntime  # noqa: PLC0415
    except ImportError as absent:
        raise ModelError(
            f"ONNX Runtime cannot be loaded ({absent}): pip install 'emotion-agent[onnx]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait for the next frame in a loop would heat a small board for nothing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _FATAL
    try:
        return onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its exceptions have no common class of their own
        reason = " ".join(str(error).split())
        raise ModelError(f"{path}: not a usable ONNX model: {reason}; convert it again") from None
