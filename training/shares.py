"""How often a finished network expects each emotion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS
from training.ferplus import FerPlus
from training.targets import Mode, targets


def learnt_shares(data: FerPlus, plan: Mapping[str, Any] | None) -> npt.NDArray[np.float64]:
    """The 8 shares that a network of that plan (`plan.json`, or what is known of it) expects.

    They are the mean of the targets that it was trained on, changed where it was told to expect
    others since (`training.logit_adjustment`). An average of networks has the mean of their biases,
    and so the geometric mean of their shares.
    """
    plan = plan or {}
    if "average_of" in plan:
        of = [learnt_shares(data, each["plan"]) ** each["share"] for each in plan["average_of"]]
        mean = np.prod(of, axis=0)
        return np.asarray(mean / mean.sum())
    if "adjusted" in plan:
        added = [plan["adjusted"]["offsets"][name] for name in EMOTIONS]
        raised = learnt_shares(data, plan["plan"]) * np.exp(added)
        return np.asarray(raised / raised.sum())
    mode: Mode = plan.get("targets", "crossentropy")
    wanted, _ = targets(data["train"].votes, mode)
    return np.asarray(wanted.mean(axis=0), np.float64)
