"""The expression model on the board's own engine, through `mo` and `awscam`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import awscam
import mo
import numpy as np
import numpy.typing as npt

from agent.errors import ModelError
from agent.runtimes.outputs import in_ferplus_order


class AwscamRuntime:
    """An `EmotionRuntime` that has the board's optimizer make its file, and its GPU read it."""

    kind = "awscam"

    def __init__(self, project: SimpleNamespace) -> None:
        """Raises `ModelError` where the optimizer refuses the model or does not find it."""
        self.model: str = project.model
        self._labels: list[str] = project.labels
        self._side: int = project.side
        arguments: dict[str, Any] = {**vars(project.optimizer)}
        arguments["aux_inputs"] = vars(project.optimizer.aux_inputs)
        name = arguments["model_name"]
        error, path = mo.optimize(**arguments)
        if error or not path:
            raise ModelError(
                f"mo.optimize: error {error} for {name}; is {name}.pb in /opt/awscam/artifacts?"
            )
        self._network = awscam.Model(path, {"GPU": 1})

    def predict(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """See `EmotionRuntime.predict`; the board takes one picture at a time."""
        rows = np.zeros((len(crops), len(self._labels)), np.float32)
        for row, crop in zip(rows, crops, strict=True):
            (values,) = self._network.doInference(crop[..., np.newaxis]).values()
            row[:] = np.asarray(values, np.float32).reshape(-1)
        return in_ferplus_order(rows, self._labels)

    def close(self) -> None:
        """The board has nothing to give back."""
