"""Targets softened by finished networks (Hinton et al. 2015): ten votes are few, and what a bigger
network makes of a face is steadier than they are.

The teachers see each picture once, unchanged and mirrored, and are averaged; so a run costs no more
than without them, and the student learns their opinion under its own augmentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS
from agent.emotion.preprocess import Preprocessing
from training.backend import load_model
from training.errors import TrainingError


def softened(
    images: npt.NDArray[np.uint8],
    wanted: npt.NDArray[np.float32],
    teachers: Sequence[Path],
    share: float,
) -> npt.NDArray[np.float32]:
    """`wanted` (N x 8) moved by `share` towards what the teachers say of the N pictures.

    Raises `TrainingError` for a teacher that is no model from a grey picture to eight logits.
    """
    said = np.mean([_opinion(_load(path), images) for path in teachers], axis=0)
    return np.asarray((1 - share) * wanted + share * said, np.float32)


def _load(path: Path) -> keras.Model:
    model = load_model(path)
    if len(model.input_shape) != 4 or model.output_shape[1:] != (len(EMOTIONS),):
        raise TrainingError(
            f"{path}: cannot teach: takes {model.input_shape} and gives {model.output_shape}, "
            f"where a grey picture and {len(EMOTIONS)} logits are needed"
        )
    return model


def _opinion(model: keras.Model, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Probabilities (N x 8), averaged over each picture and its mirror image."""
    preprocessing = Preprocessing(side=model.input_shape[1])
    said = []
    for seen in (images, images[:, :, ::-1]):
        inputs = np.stack([preprocessing.resize(np.ascontiguousarray(one)) for one in seen])
        logits = model.predict(preprocessing.normalise(inputs), batch_size=256, verbose=0)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        said.append(odds / odds.sum(axis=1, keepdims=True))
    return np.asarray(np.mean(said, axis=0), np.float64)
