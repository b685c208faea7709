"""Everything that decides how a training run ends: kept beside its results, compared on resume."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from math import cos, pi
from pathlib import Path
from typing import Any

from training.augment import Augmentation
from training.errors import TrainingError
from training.targets import Mode


@dataclass(frozen=True)
class Plan:
    """Settings of one training run."""

    model: str = "fer-compact"
    targets: Mode = "crossentropy"
    epochs: int = 30
    batch: int = 128
    seed: int = 0
    peak_rate: float = 0.15
    """Highest learning rate of the one-cycle schedule."""
    warm_up: float = 0.15
    """Share of all steps over which the rate rises."""
    momentum: float = 0.9
    weight_decay: float = 4e-3
    """Decoupled (Loshchilov and Hutter 2019): each step shrinks the kernels by rate x decay."""
    average: float = 0.999
    """Decay of the moving average of the weights; the averaged weights are the result."""
    precision: str = "mixed_bfloat16"
    """Keras dtype policy while training; the result is float32 always."""
    limit: int | None = None
    """Train on this many pictures only (a quick look, a test)."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    start_from: str | None = None
    """A finished `model.keras` whose weights to begin with: a second cycle (Loshchilov and Hutter
    2017, warm restarts), usually at a lower peak rate."""

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of a step: a cosine up, then a cosine down to nothing (Smith 2018)."""
        rise = max(1, round(self.warm_up * steps))
        if step < rise:
            return self.peak_rate * (0.04 + 0.96 * (1 - cos(pi * step / rise)) / 2)
        return self.peak_rate * (1 + cos(pi * (step - rise) / max(1, steps - rise))) / 2

    def average_decay(self, step: int) -> float:
        """Decay of the weight average at a step: short at first, so that the start is forgotten."""
        return min(self.average, (1 + step) / (10 + step))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as JSON knows them."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    def differences(self, path: Path) -> list[str]:
        """Names of the settings in which the plan kept at `path` differs from this one."""
        own = self.as_dict()
        try:
            kept = dict(json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            raise TrainingError(f"{path}: not a plan ({error}); --fresh begins again") from None
        names = (kept.keys() | own.keys()) - {"before"}  # what came before is told, not compared
        return sorted(name for name in names if kept.get(name) != own.get(name))
