"""Runs the expression model on OpenVINO."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.emotion.manifest import Manifest, Precision, checked_file
from agent.errors import ModelError
from agent.runtimes.outputs import answers, require_shapes


class OpenvinoRuntime:
    """An `EmotionRuntime` on OpenVINO's CPU plugin; belongs to one thread at a time.

    Crops go through one by one, as with TFLite: the network is compiled for one shape only.
    """

    kind = "openvino"

    def __init__(
        self, manifest: Manifest, folder: Path, precision: Precision = "int8", threads: int = 1
    ) -> None:
        """Load the model of that precision from the manifest's folder.

        Raises `ModelError` for a file that is missing, changed, damaged, or whose input or output
        is not what the manifest says, and where OpenVINO is not installed.
        """
        path = checked_file(manifest, folder, self.kind, precision)
        self.model = manifest.model_id
        self._manifest = manifest
        self._preprocessing = manifest.preprocessing
        self._request: Any = _compiled(path, manifest, threads)

    def predict(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Calibrated probabilities, N x 8, of N x side x side grey crops; see `EmotionRuntime`."""
        request = self._request
        if request is None:
            raise RuntimeError("predict was called after close")
        inputs = self._preprocessing.normalise(crops)
        inputs = inputs.reshape(-1, *self._manifest.input.shape)
        outputs = np.zeros((len(crops), len(self._manifest.labels)), np.float32)
        for index in range(len(crops)):
            outputs[index] = request.infer([inputs[index : index + 1]])[0][0]
        return answers(outputs, self._manifest)

    def close(self) -> None:
        """Give the network's memory back; calling it again does nothing."""
        self._request = None


def shared_core() -> Any:
    """OpenVINO's `Core`, one for the whole process; raises `ModelError` where it is not installed.

    Each one replaces the stack that signals are handled on and puts the former back when it goes;
    two that do not go in the reverse order leave the process to die of its next signal.
    """
    try:
        import openvino  # noqa: PLC0415
    except ImportError as absent:
        raise ModelError(
            f"OpenVINO cannot be loaded ({absent}): pip install 'emotion-agent[openvino]'"
        ) from None
    return _new_core(openvino)


@cache
def _new_core(library: Any) -> Any:
    return library.Core()


def _compiled(path: Path, manifest: Manifest, threads: int) -> Any:
    """A request for one face."""
    core = shared_core()
    try:
        model = core.read_model(path)
        ends = [*model.inputs, *model.outputs]
        shapes = [[d.get_length() if d.is_static else None for d in e.partial_shape] for e in ends]
        require_shapes(path, manifest, shapes)
        model.reshape([1, *manifest.input.shape])
        return core.compile_model(model, "CPU", _options(threads)).create_infer_request()
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ModelError(
            f"{path}: not a usable OpenVINO model: {reason}; convert it again"
        ) from None


def _options(threads: int) -> dict[str, Any]:
    return {
        "INFERENCE_NUM_THREADS": threads,
        # On processors with bfloat16 OpenVINO would round everything to 8 bits of mantissa.
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
