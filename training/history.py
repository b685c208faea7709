"""`history.csv`: one line for each epoch of a training run."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from training.errors import TrainingError

HISTORY_COLUMNS: Final = ("epoch", "rate", "loss", "valid_loss", "valid_accuracy")
"""Learning rate after the epoch, mean training loss, and the averaged weights' loss and accuracy
on the validation part."""


def read_history(path: Path) -> list[dict[str, str]]:
    """The lines kept so far, as text by column; none where the file does not exist yet.

    Raises `TrainingError` for a file that is not such a history.
    """
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        try:
            rows = list(csv.DictReader(stream, strict=True))
            for row in rows:
                int(row["epoch"])
                [float(row[name]) for name in HISTORY_COLUMNS]
        except (csv.Error, KeyError, TypeError, ValueError) as error:
            raise TrainingError(f"{path}: not a training history ({error})") from None
    return rows
