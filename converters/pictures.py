"""The pictures that a conversion needs: some to calibrate with, and labelled ones to judge by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError
from training.augment import Augmentation, augment
from training.ferplus import FerPlus
from training.targets import majority_labels

CALIBRATION_PICTURES: Final = 500
"""From 100 to 2,000 the int8 file of fer-compact agreed equally well with the Keras model."""

Crops = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Labelled:
    """Crops with a label by majority."""

    crops: Crops
    labels: npt.NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.labels)


def labelled(data: FerPlus, part: str, preprocessing: Preprocessing) -> Labelled:
    """All pictures of a part that the majority rule keeps; raises `ModelError` for none."""
    if part not in data:
        raise ModelError(f"the data has no {part} part, which the parity check needs")
    labels, rows = majority_labels(data[part].votes)
    if not len(labels):
        raise ModelError(f"the {part} part has no picture whose votes agree on one emotion")
    return Labelled(_sized(data[part].images[rows], preprocessing), labels)


def calibration_pictures(data: FerPlus, preprocessing: Preprocessing, seed: int = 0) -> Crops:
    """Training pictures chosen by the seed, every other one augmented as in training.

    Black and white are set in two corner pixels, so that the input's range is always 0 to 255.
    """
    if "train" not in data:
        raise ModelError("the data has no train part, which the int8 calibration needs")
    rng = np.random.default_rng(seed)
    images = data["train"].images
    chosen = images[rng.permutation(len(images))[:CALIBRATION_PICTURES]]
    chosen[1::2] = augment(chosen[1::2], Augmentation(), rng)
    crops = _sized(chosen, preprocessing)
    crops[0, 0, :2] = 0, 255
    return crops


def _sized(images: Crops, preprocessing: Preprocessing) -> Crops:
    return np.stack([preprocessing.resize(image) for image in images])
