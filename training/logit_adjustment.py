"""A finished network told to expect rare emotions more often (Menon et al. 2021, section 3).

A network that follows the votes of FER+ names disgust and contempt, half a percent of it each, too
seldom. A number added to the logits of the rare ones takes a part of that back. It goes into the
last layer's bias, so the network costs the same and every runtime has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS
from training.backend import load_model, save_model
from training.errors import TrainingError
from training.ferplus import FerPlus
from training.plan import kept_beside
from training.shares import learnt_shares


def offsets(shares: npt.NDArray[np.float64], at_least: float) -> npt.NDArray[np.float64]:
    """What to add to each logit (8), from the shares of the emotions that were learnt (8).

    An emotion rarer than `at_least` is expected as if it were that frequent (Bayes' rule): turn it
    up where rare emotions are missed too often, at the price of seeing them where they are not.

    >>> offsets(np.array([0.5, 0.4, 0.1]), at_least=0.2).round(3).tolist()
    [0.0, 0.0, 0.693]
    """
    return np.asarray(np.log(np.maximum(1.0, at_least / shares)))


def adjust(model: Path, data: FerPlus, at_least: float, folder: Path) -> Path:
    """Write `model.keras`, its last bias changed, and `plan.json` into the folder; the path of the
    first.

    Raises `TrainingError` for a network whose last layer has no bias for eight emotions, and for
    the folder that the model lies in, or that holds a run: what is there would be lost.
    """
    if (folder / "checkpoint.npz").exists() or folder.resolve() == model.parent.resolve():
        raise TrainingError(f"{folder} holds a model of its own; choose another --out")
    network = load_model(model)
    last = network.layers[-1]
    if not isinstance(last, keras.layers.Dense) or last.bias is None:
        raise TrainingError(f"{model}: cannot be adjusted: its last layer has no bias")
    if last.units != len(EMOTIONS):
        raise TrainingError(
            f"{model}: cannot be adjusted: {last.units} outputs, not one an emotion"
        )
    plan = kept_beside(model)
    shares = learnt_shares(data, plan)
    if not shares.all():
        missing = EMOTIONS[int(shares.argmin())]
        raise TrainingError(
            f"the train part has no picture of {missing}: how rare it is, is unknown"
        )
    added = offsets(shares, at_least)
    last.bias.assign(keras.ops.convert_to_numpy(last.bias) + added)
    return save_model(network, folder, _told(plan, at_least, added))


def _told(
    plan: Mapping[str, Any] | None,
    at_least: float,
    added: npt.NDArray[np.float64],
) -> dict[str, Any]:
    named = {name: round(float(each), 6) for name, each in zip(EMOTIONS, added, strict=True)}
    return {
        "adjusted": {"at_least": at_least, "offsets": named},
        "plan": plan,
    }
