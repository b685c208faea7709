"""Targets softened by finished networks (Hinton et al. 2015): ten votes are few, and what a bigger
network makes of a face is steadier than they are.

Asked once, of each picture and its mirror image, teachers cost a run nothing. Asked about each
picture as the student gets it, turned, cut and covered, they say what can still be seen in it,
which a small network learns more from (Beyer et al. 2022, "a good teacher is patient and
consistent").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.emotion import manifest as manifests
from agent.emotion.labels import EMOTIONS
from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError
from agent.runtimes.outputs import calibrated
from agent.runtimes.tflite import TfliteRuntime
from training.backend import load_model
from training.errors import TrainingError

Images = npt.NDArray[np.uint8]
_Logits = Callable[[Images], npt.NDArray[np.float64]]


class Teachers:
    """Finished networks, heard as one: the mean of their probabilities."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Load Keras files, and folders with a manifest, whose int8 TFLite file is asked.

        The latter takes a third of the time of the former. Raises `TrainingError` for what is
        neither, or gives no eight logits for a grey picture.
        """
        self._teachers = [_folder(path) if path.is_dir() else _keras_file(path) for path in paths]

    def say(self, images: Images) -> npt.NDArray[np.float64]:
        """Their probabilities (N x 8) for N x H x W pictures, before any calibration."""
        said = [calibrated(logits(images), "logits", 1.0) for logits in self._teachers]
        return np.asarray(np.mean(said, axis=0), np.float64)

    def soften(
        self, wanted: npt.NDArray[np.float32], share: float, *views: Images
    ) -> npt.NDArray[np.float32]:
        """`wanted` (N x 8) moved by `share` towards what is said of the pictures, the mean over
        the `views` of them.
        """
        said = np.mean([self.say(images) for images in views], axis=0)
        return np.asarray((1 - share) * wanted + share * said, np.float32)


def _keras_file(path: Path) -> _Logits:
    model = load_model(path)
    if len(model.input_shape) != 4 or model.output_shape[1:] != (len(EMOTIONS),):
        raise TrainingError(
            f"{path}: cannot teach: takes {model.input_shape} and gives {model.output_shape}, "
            f"where a grey picture and {len(EMOTIONS)} logits are needed"
        )
    preprocessing = Preprocessing(side=model.input_shape[1])

    def logits(images: Images) -> npt.NDArray[np.float64]:
        inputs = preprocessing.normalise(_resized(images, preprocessing))
        return np.asarray(model.predict(inputs, batch_size=256, verbose=0), np.float64)

    return logits


def _folder(path: Path) -> _Logits:
    try:
        manifest = manifests.read(path)
        if tuple(manifest.labels) != tuple(EMOTIONS):
            raise TrainingError(f"{path}: cannot teach: its labels are not those of FER+")
        runtime = TfliteRuntime(manifest, path)
    except ModelError as error:
        raise TrainingError(f"cannot teach: {error}") from None
    return lambda images: runtime.outputs(_resized(images, manifest.preprocessing))


def _resized(images: Images, preprocessing: Preprocessing) -> Images:
    return np.stack([preprocessing.resize(np.ascontiguousarray(image)) for image in images])
