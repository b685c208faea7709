"""One network from several runs: the mean of their weights (model soups, Wortsman et al. 2022).

It costs no more to run than any of them and is often better than each, where the runs began with
the same weights (`--start-from`). Of runs that began apart the mean is worth nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.backend import load_model, save_model
from training.errors import TrainingError
from training.plan import kept_beside


def average(models: Sequence[Path], shares: Sequence[float], folder: Path) -> Path:
    """Write `model.keras` and `plan.json` into the folder; the path of the first.

    `shares` are one positive number for each model, in any unit. `plan.json` tells which plans it
    was made of. Raises `TrainingError` where the models are not the same network, and for
    the folder of a run, whose model would be lost.
    """
    if len(models) < 2 or len(models) != len(shares):
        raise TrainingError(
            f"{len(models)} models and {len(shares)} shares: give two models or more, and a share "
            "for each"
        )
    if (folder / "checkpoint.npz").exists():
        raise TrainingError(f"{folder} holds a run of its own; choose another --out")
    parts = np.array(shares) / sum(shares)
    opened = [load_model(path) for path in models]
    result = opened[0]
    for path, other in zip(models, opened, strict=True):
        if [w.shape for w in other.weights] != [w.shape for w in result.weights]:
            raise TrainingError(f"{path}: not the same network as {models[0]}")
    weights = zip(*(model.get_weights() for model in opened), strict=True)
    result.set_weights([np.tensordot(parts, np.stack(each), 1) for each in weights])
    made_of = [
        {"share": round(float(part), 6), "plan": kept_beside(path)}
        for path, part in zip(models, parts, strict=True)
    ]
    return save_model(result, folder, {"average_of": made_of})
