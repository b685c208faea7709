"""The pictures that every accuracy is measured on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.errors import TrainingError
from training.ferplus import FerPlus
from training.targets import majority_labels


def judged_rows(data: FerPlus, part: str) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Row numbers and labels of the pictures of a part that every accuracy is measured on.

    Raises `TrainingError` where the data has no such part or no such picture.
    """
    if part not in data:
        raise TrainingError(f"the data has no {part} part; it has {', '.join(data)}")
    labels, rows = majority_labels(data[part].votes)
    if not len(rows):
        raise TrainingError(f"the {part} part has no picture that the majority rule keeps")
    return rows, labels
