"""Everything that decides how a training run ends: kept beside its results, compared on resume."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from math import cos, pi
from pathlib import Path
from typing import Any, Final, Literal

from training.augment import Augmentation
from training.errors import TrainingError
from training.targets import Mode

Schedule = Literal["one-cycle", "steps"]

_STEPS: Final = ((40, 0.1), (20, 0.5), (0, 1.0))
"""From which epoch on which share of the rate; FER+ reference code."""


_ADDED: Final = {"rare_share": 0.0, "teachers_see": "originals"}
"""Settings that plans of earlier versions do not tell, and what was done then."""


@dataclass(frozen=True)
class Plan:
    """Settings of one training run."""

    model: str = "fer-compact"
    width: float = 1.0
    """Factor of the network's channels; parameters and work go with its square."""
    targets: Mode = "crossentropy"
    epochs: int = 30
    batch: int = 128
    seed: int = 0
    schedule: Schedule = "one-cycle"
    """`one-cycle` rises and falls (Smith 2018); `steps` is the paper's: half from epoch 20 on, a
    tenth from epoch 40 on."""
    peak_rate: float = 0.15
    """Highest learning rate."""
    warm_up: float = 0.15
    """Share of all steps over which the rate of `one-cycle` rises."""
    momentum: float = 0.9
    nesterov: bool = True
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
    teachers: tuple[str, ...] = ()
    """Finished models, or folders with a manifest, whose opinion softens the targets; not with
    `multi_target`, where an emotion is there or is not."""
    teacher_share: float = 0.5
    """How much of each target is the teachers' opinion, the rest being the votes."""
    teachers_see: Literal["originals", "augmented"] = "originals"
    """Each picture once, or each as the student gets it: better targets for a time of their own."""
    rare_share: float = 0.0
    """Emotions rarer than this share of the pictures come more often (`training.rarity`)."""

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of a step of `steps` in all.

        `one-cycle` is a cosine up, then a cosine down to nothing.
        """
        if self.schedule == "steps":
            epoch = step * self.epochs // steps
            return self.peak_rate * next(share for begin, share in _STEPS if epoch >= begin)
        rise = max(1, round(self.warm_up * steps))
        if step < rise:
            return self.peak_rate * (0.04 + 0.96 * (1 - cos(pi * step / rise)) / 2)
        return self.peak_rate * (1 + cos(pi * (step - rise) / max(1, steps - rise))) / 2

    def average_decay(self, step: int) -> float:
        """Decay of the weight average at a step: short at first, so that the start is forgotten."""
        return min(self.average, (1 + step) / (10 + step))

    def require_files(self) -> None:
        """Raise `TrainingError` for a model to start from, or a teacher, that is not there."""
        if self.start_from is not None and not Path(self.start_from).is_file():
            raise TrainingError(f"{self.start_from}: no such file to start from")
        for teacher in self.teachers:
            if not Path(teacher).exists():
                raise TrainingError(f"{teacher}: no such teacher")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as JSON knows them."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    def differences(self, path: Path) -> list[str]:
        """Names of the settings in which the plan kept at `path` differs from this one."""
        own = self.as_dict()
        try:
            kept = _ADDED | dict(json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            raise TrainingError(f"{path}: not a plan ({error}); --fresh begins again") from None
        names = (kept.keys() | own.keys()) - {"before"}  # what came before is told, not compared
        return sorted(name for name in names if kept.get(name) != own.get(name))


def kept_beside(model: Path) -> dict[str, Any] | None:
    """The `plan.json` of the run that a model came from, if it is there; raises `TrainingError`."""
    path = model.with_name("plan.json")
    try:
        return dict(json.loads(path.read_text())) if path.is_file() else None
    except (ValueError, TypeError) as error:
        raise TrainingError(f"{path}: not a plan ({error})") from None


PAPER: Final = Plan(
    model="vgg13",
    targets="probability",
    epochs=100,
    batch=32,
    schedule="steps",
    # The reference code's 0.05 is for CNTK's momentum, which scales the gradient by 1 - momentum.
    peak_rate=0.005,
    nesterov=False,
    weight_decay=0.0,
    average=0.0,
    precision="float32",
    augmentation=Augmentation(
        rotation=20.0,
        scale=0.05,
        shift=0.08,
        shear=0.05,
        light=0.0,
        erase_chance=0.0,
        degrade_chance=0.0,
    ),
)
"""The recipe of Barsoum et al. 2016 and of its reference code (microsoft/FERPlus), best mode."""

PRESETS: Final = {"compact": Plan(), "paper": PAPER}
"""Plans by the name that `--preset` takes."""
