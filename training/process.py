"""`emotion-train process`: how many pictures each target mode keeps, by part and class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS
from training.ferplus import FerPlus
from training.targets import Mode, targets

REASONS: Final = ("no vote above one", "unknown or no face first", "too little agreement")
"""Why a mode drops a picture, in the order in which they are tried."""


@dataclass(frozen=True)
class ModeCount:
    """What one mode makes of one part."""

    classes: dict[str, int]
    """Pictures kept, by the strongest emotion of their target (the first of equals)."""
    dropped: dict[str, int]
    """Pictures dropped, by reason."""

    @property
    def kept(self) -> int:
        return sum(self.classes.values())

    def as_dict(self) -> dict[str, Any]:
        return {"kept": self.kept, "classes": self.classes, "dropped": self.dropped}


Counts = dict[str, dict[Mode, ModeCount]]
"""By part, then by mode."""


def count(data: FerPlus, modes: Sequence[Mode]) -> Counts:
    """Count every part under every mode."""
    return {
        part: {mode: count_votes(rows.votes, mode) for mode in modes} for part, rows in data.items()
    }


def count_votes(votes: npt.NDArray[np.uint8], mode: Mode) -> ModeCount:
    """Count N x 10 votes under one mode."""
    made, kept = targets(votes, mode)
    classes = np.bincount(made.argmax(axis=1), minlength=len(EMOTIONS))
    lost = np.delete(votes, kept, axis=0)
    lost = np.where(lost > 1, lost, 0)  # the outliers that every mode removes first
    empty = lost.sum(axis=1) == 0
    faceless = ~empty & (lost.argmax(axis=1) >= len(EMOTIONS))
    reasons = (empty, faceless, ~empty & ~faceless)
    return ModeCount(
        dict(zip(EMOTIONS, classes.tolist(), strict=True)),
        {name: int(rows.sum()) for name, rows in zip(REASONS, reasons, strict=True)},
    )


def as_dict(counts: Counts) -> dict[str, Any]:
    """The counts as JSON carries them."""
    return {
        part: {mode: made.as_dict() for mode, made in modes.items()}
        for part, modes in counts.items()
    }


def table(counts: Counts) -> str:
    """The counts as text: a block for each part, a row for each class, a column for each mode."""
    return "\n\n".join(_block(part, modes) for part, modes in counts.items())


def _block(part: str, modes: dict[Mode, ModeCount]) -> str:
    made = list(modes.values())
    pictures = made[0].kept + sum(made[0].dropped.values())
    rows = [(name, [m.classes[name] for m in made]) for name in EMOTIONS]
    rows.append(("kept", [m.kept for m in made]))
    rows += [(f"dropped: {why}", [m.dropped[why] for m in made]) for why in REASONS]
    label_width = max(len(name) for name, _ in rows)
    lines = [f"{part}: {pictures:,} pictures", _line("", label_width, list(modes))]
    lines += [_line(name, label_width, [f"{n:,}" for n in numbers]) for name, numbers in rows]
    rule = "-" * len(lines[1])
    return "\n".join([*lines[:2], rule, *lines[2:10], rule, *lines[10:]])


def _line(label: str, width: int, cells: Sequence[str]) -> str:
    return f"{label:<{width}}" + "".join(f"{cell:>14}" for cell in cells)
