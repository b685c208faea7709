"""From ten votes to a training target: the four modes of Barsoum et al. 2016, section 3.

Every mode first drops votes of one (outliers), then keeps a picture only where the votes agree
enough, and returns a distribution over the eight emotions. They differ in what agreement means:

- `majority`: the top vote is more than half of the votes left.
- `probability` and `crossentropy`: the strongest emotions, gathered until they hold three quarters
  of the votes or `unknown` or `NF` is reached; they must be three at most and hold more than half.
  The two differ only in the loss: a label drawn afresh each epoch, or the whole distribution.
- `multi_target`: every emotion with at least 30 % of the votes; together more than half.

None keeps a picture where `unknown` or `NF` comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS

Mode = Literal["majority", "probability", "crossentropy", "multi_target"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)

_EMOTIONS: Final = len(EMOTIONS)
_COVERAGE: Final = 0.75  # FER+ reference code: votes to gather before stopping
_MOST_EMOTIONS: Final = 3  # FER+ reference code: more than this is no agreement
_MULTI_SHARE: Final = 0.3  # paper, section 3.2: share of the votes that makes an emotion present


def target(
    votes: Sequence[int] | npt.NDArray[np.uint8], mode: Mode
) -> npt.NDArray[np.float32] | None:
    """The target of one picture, or None where the mode's filter drops it.

    `votes` are the ten counts of FER+; the result has eight entries that sum to one.

    >>> target([8, 0, 0, 1, 0, 0, 0, 0, 1, 0], "majority").tolist()
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    counts = np.asarray(votes, np.float64).copy()
    counts[counts <= 1] = 0
    total = counts.sum()
    if total == 0:
        return None
    if mode == "majority":
        kept = _majority(counts, total)
    elif mode == "multi_target":
        kept = np.where(counts >= _MULTI_SHARE * total, counts, 0)
        kept = kept if kept.sum() > 0.5 * total else None
    else:
        kept = _strongest(counts, total)
    # The reference code also drops a picture whose strongest column is `unknown` or `NF`.
    if kept is None or int(kept.argmax()) >= _EMOTIONS:
        return None
    emotions = kept[:_EMOTIONS]
    result: npt.NDArray[np.float32] = (emotions / emotions.sum()).astype(np.float32)
    return result


def _majority(counts: npt.NDArray[np.float64], total: float) -> npt.NDArray[np.float64] | None:
    top = int(counts.argmax())
    if counts[top] <= 0.5 * total:
        return None
    only = np.zeros_like(counts)
    only[top] = 1
    return only


def _strongest(counts: npt.NDArray[np.float64], total: float) -> npt.NDArray[np.float64] | None:
    """Emotions by falling votes until three quarters are gathered; ties come in together."""
    left, kept, taken = counts.copy(), np.zeros_like(counts), 0
    gathered, faces_only = 0.0, True
    while gathered < _COVERAGE * total and taken < _MOST_EMOTIONS and faces_only:
        top = left.max()
        for column in np.flatnonzero(left == top):
            kept[column] = top
            left[column] = 0
            gathered += top
            taken += 1
            if column >= _EMOTIONS:
                faces_only = False
                if kept.sum() > top:  # emotions came before it: keep those, without this column
                    kept[column] = 0
                    taken -= 1
                break
    return None if kept.sum() <= 0.5 * total or taken > _MOST_EMOTIONS else kept


def targets(
    votes: npt.NDArray[np.uint8], mode: Mode
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]:
    """Targets of all pictures that the mode keeps (M x 8), and their row numbers (M)."""
    rows, kept = [], []
    for index, row in enumerate(votes):
        made = target(row, mode)
        if made is not None:
            rows.append(made)
            kept.append(index)
    return np.array(rows, np.float32).reshape(-1, _EMOTIONS), np.array(kept, np.intp)


def majority_labels(
    votes: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Labels (M) and row numbers (M) by the rule that all accuracies of the project use."""
    made, kept = targets(votes, "majority")
    return made.argmax(axis=1), kept
