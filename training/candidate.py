"""Opens a trained model, whatever file it is in, to see what it says of FER+ pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.emotion import manifest
from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Precision
from agent.emotion.preprocess import Preprocessing
from agent.runtimes.litert import load_interpreter
from training.backend import load_model
from training.errors import TrainingError

Images = npt.NDArray[np.uint8]
Inputs = npt.NDArray[np.float32]
Outputs = npt.NDArray[np.float64]

_SUM_SLACK: Final = 0.03
"""Eight int8 probabilities, each rounded to 1/256, may miss one by half of 8/256 and a little."""


@dataclass(frozen=True)
class Candidate:
    """A model to be measured."""

    name: str
    """The file, or `name@version` where a manifest tells it."""
    temperature: float
    """What its logits are divided by before the softmax; 1 where no manifest says more."""
    side: int
    """Width and height of its input, in pixels."""
    preprocessing: Preprocessing
    outputs: Callable[[Inputs], npt.NDArray[Any]]
    """The file's own answer to inputs (N x side x side x 1): N x 8 logits or probabilities."""
    prior: dict[str, float] | None = None
    """Share of each emotion that it has learnt, where a manifest tells it."""

    def logits(self, images: Images) -> Outputs:
        """N x 8 logits of N x H x W grey pictures; probabilities come back as their logarithms."""
        fitted = np.stack([self.preprocessing.resize(image) for image in images])
        given = np.asarray(self.outputs(self.preprocessing.normalise(fitted)), np.float64)
        if given.shape != (len(images), len(EMOTIONS)):
            raise TrainingError(
                f"{self.name}: gives {given.shape[1:]} numbers a picture, expected {len(EMOTIONS)}"
            )
        return np.log(np.maximum(given, 1e-6)) if are_probabilities(given) else given


def are_probabilities(rows: npt.NDArray[Any]) -> bool:
    """Whether each row is a distribution already, within what int8 rounding leaves of it."""
    return bool(np.all(rows >= 0) and np.all(np.abs(rows.sum(axis=1) - 1) <= _SUM_SLACK))


def open_candidate(path: Path, precision: Precision | None = None, threads: int = 2) -> Candidate:
    """Open a `.keras` file, a `.tflite` file, or a model folder with a manifest.

    Of a folder the int8 file is taken, or the float32 one if it has no other; `precision` asks for
    one of them. Raises `TrainingError`, or `ModelError` where the manifest is at fault.
    """
    if path.is_dir():
        return _from_folder(path, precision, threads)
    if not path.exists():
        raise TrainingError(f"{path}: no such file or folder")
    if path.suffix == ".keras":
        side, outputs = _keras(path)
    elif path.suffix == ".tflite":
        side, outputs = _tflite(path, threads)
    else:
        raise TrainingError(
            f"{path}: expected a .keras or .tflite file, or a folder with a manifest"
        )
    return Candidate(str(path), 1.0, side, Preprocessing(side), outputs)


def _from_folder(folder: Path, precision: Precision | None, threads: int) -> Candidate:
    described = manifest.read(folder)
    if precision is None:
        precision = "int8" if described.file_for("tflite", "int8") else "float32"
    path = manifest.checked_file(described, folder, "tflite", precision)
    found = open_candidate(path, None, threads)
    wanted = described.preprocessing
    if found.side != wanted.side:
        raise TrainingError(
            f"{path}: takes pictures of {found.side} pixels, its manifest says {wanted.side}"
        )
    name = f"{described.model_id} ({path.name})"
    return Candidate(
        name, described.temperature, wanted.side, wanted, found.outputs, described.prior
    )


def _keras(path: Path) -> tuple[int, Callable[[Inputs], npt.NDArray[Any]]]:
    model = load_model(path)
    side = _side(path, model.input_shape)
    return side, lambda inputs: np.asarray(model.predict(inputs, batch_size=256, verbose=0))


def _tflite(path: Path, threads: int) -> tuple[int, Callable[[Inputs], npt.NDArray[Any]]]:
    interpreter = load_interpreter(path, threads)
    entry, exit_ = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    side = _side(path, tuple(entry["shape"]))
    batch = int(entry["shape"][0])

    def outputs(inputs: Inputs) -> npt.NDArray[Any]:
        rows = []
        for start in range(0, len(inputs), batch):
            some = inputs[start : start + batch]
            filled = np.zeros((batch, *some.shape[1:]), np.float32)
            filled[: len(some)] = some
            interpreter.set_tensor(entry["index"], _quantized(filled, entry))
            interpreter.invoke()
            answer = interpreter.get_tensor(exit_["index"])
            rows.append(_dequantized(answer[: len(some)], exit_))
        return np.concatenate(rows)

    return side, outputs


def _side(path: Path, shape: tuple[int | None, ...]) -> int:
    if len(shape) != 4 or shape[1] is None or shape[1] != shape[2] or shape[3] != 1:
        raise TrainingError(f"{path}: input is {shape}, expected square grey pictures (N, S, S, 1)")
    return int(shape[1])


def _quantized(values: Inputs, tensor: dict[str, Any]) -> npt.NDArray[Any]:
    """Values in the tensor's own type, by the scale and zero point that the file gives it."""
    kind = np.dtype(tensor["dtype"])
    if kind == np.float32:
        return values
    scale, zero = tensor["quantization"]
    limits = np.iinfo(kind)
    codes = np.rint(values / scale) + zero
    return np.asarray(np.clip(codes, limits.min, limits.max), kind)


def _dequantized(values: npt.NDArray[Any], tensor: dict[str, Any]) -> npt.NDArray[Any]:
    if np.dtype(tensor["dtype"]) == np.float32:
        return np.asarray(values)
    scale, zero = tensor["quantization"]
    return np.asarray((values.astype(np.float64) - zero) * scale, np.float64)
