"""How well probabilities fit labels: accuracy with its interval, F1, calibration, confusion.

Pure NumPy, and the only place where these numbers are computed: training and the converters'
gate both use it, so a figure means the same wherever it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, sqrt
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS

BINS: Final = 15
"""Bins of the calibration error, as in Guo et al. 2017."""

PROTOCOL: Final = (
    "labels of fer2013new.csv by majority: votes of one removed, the top vote more than half of "
    "the votes left and one of the eight emotions"
)
"""The rule behind every accuracy of the project, in one sentence."""

_Z: Final = 1.959964
"""The 97.5 % point of the normal distribution: two-sided 95 %."""

_TINY: Final = 1e-12
"""Smallest probability in the cross-entropy, so that one certain mistake is not infinite."""

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy in `BINS` equal bins of the confidence (0 to 1)."""

    count: npt.NDArray[np.intp]
    confidence: Floats
    """Mean confidence in each bin; NaN in an empty one."""
    accuracy: Floats
    """Share of right answers in each bin; NaN in an empty one."""

    @property
    def expected_error(self) -> float:
        """Mean gap of the two, weighted by the bins' counts (Guo et al. 2017, equation 3)."""
        filled = self.count > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float((gaps * self.count[filled]).sum() / self.count.sum())


@dataclass(frozen=True)
class Metrics:
    """The measures of one model on one set of pictures; see `measure` for what each one is.

    Arrays by class have eight entries in FER+ order; NaN where the class gives no such number.
    """

    pictures: int
    accuracy: float
    interval: tuple[float, float]
    """Of the accuracy, 95 %."""
    macro_f1: float
    calibration_error: float
    cross_entropy: float
    recall: Floats
    precision: Floats
    f1: Floats
    confusion: npt.NDArray[np.intp]
    """8 x 8 counts: rows are the labels, columns what the model said."""
    bins: Reliability

    def as_dict(self) -> dict[str, Any]:
        """Plain values, rounded to six places, as JSON knows them (null for a missing number)."""
        return {
            "pictures": self.pictures,
            "accuracy": _plain(self.accuracy),
            "accuracy_interval_95": [_plain(bound) for bound in self.interval],
            "macro_f1": _plain(self.macro_f1),
            "calibration_error_15_bins": _plain(self.calibration_error),
            "cross_entropy": _plain(self.cross_entropy),
            "classes": {
                name: {
                    "pictures": int(self.confusion[i].sum()),
                    "recall": _plain(self.recall[i]),
                    "precision": _plain(self.precision[i]),
                    "f1": _plain(self.f1[i]),
                }
                for i, name in enumerate(EMOTIONS)
            },
            "confusion": self.confusion.tolist(),
        }


def measure(probabilities: npt.NDArray[np.floating[Any]], labels: npt.NDArray[Any]) -> Metrics:
    """All measures of N x 8 probabilities (FER+ order, rows sum to one) against N class numbers.

    - accuracy: share of pictures whose highest probability is the label's; with `wilson`.
    - recall, precision, F1 of a class: TP / (TP + FN), TP / (TP + FP), 2 TP / (2 TP + FP + FN).
    - macro F1: mean over the classes that occur, as label or as answer.
    - calibration error: see `Reliability`; the confidence is the highest probability.
    - cross-entropy: mean of -ln p(label).

    Raises `ValueError` for other shapes, for no pictures, and for a label out of range.
    """
    given = np.asarray(probabilities, np.float64)
    truth = np.asarray(labels, np.intp)
    if given.shape != (len(truth), len(EMOTIONS)) or truth.ndim != 1 or not len(truth):
        raise ValueError(
            f"probabilities must be N x {len(EMOTIONS)} and labels N with N at least 1, "
            f"got {given.shape} and {truth.shape}"
        )
    if truth.min() < 0 or truth.max() >= len(EMOTIONS):
        raise ValueError(f"labels must be 0 to {len(EMOTIONS) - 1}")
    answers = given.argmax(axis=1)
    right = answers == truth
    confusion = confusion_matrix(truth, answers)
    hits, labelled, said = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    f1 = _ratio(2 * hits, labelled + said)
    bins = reliability(given.max(axis=1), right)
    of_label = np.maximum(given[np.arange(len(truth)), truth], _TINY)
    return Metrics(
        pictures=len(truth),
        accuracy=float(right.mean()),
        interval=wilson(int(right.sum()), len(truth)),
        macro_f1=float(np.nanmean(f1)),
        calibration_error=bins.expected_error,
        cross_entropy=float(-np.log(of_label).mean()),
        recall=_ratio(hits, labelled),
        precision=_ratio(hits, said),
        f1=f1,
        confusion=confusion,
        bins=bins,
    )


def wilson(right: int, total: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927).

    (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), which stays within 0 and 1.
    """
    share, square = right / total, _Z * _Z
    centre = share + square / (2 * total)
    reach = _Z * sqrt(share * (1 - share) / total + square / (4 * total * total))
    below, above = (centre - reach) / (1 + square / total), (centre + reach) / (1 + square / total)
    return max(0.0, below), min(1.0, above)


def confusion_matrix(truth: Labels, answers: Labels) -> npt.NDArray[np.intp]:
    """8 x 8 counts of class numbers: rows are the labels, columns the answers."""
    classes = len(EMOTIONS)
    counts = np.bincount(truth * classes + answers, minlength=classes * classes)
    return np.asarray(counts.reshape(classes, classes), np.intp)


def reliability(confidence: Floats, right: npt.NDArray[np.bool_]) -> Reliability:
    """Sort N answers into bins ((i-1)/15, i/15] of their confidence (Guo et al. 2017)."""
    place = np.clip(np.ceil(confidence * BINS).astype(np.intp) - 1, 0, BINS - 1)
    count = np.bincount(place, minlength=BINS)
    return Reliability(
        count=np.asarray(count, np.intp),
        confidence=_ratio(np.bincount(place, confidence, BINS), count),
        accuracy=_ratio(np.bincount(place, right, BINS), count),
    )


def _ratio(above: npt.NDArray[Any], below: npt.NDArray[Any]) -> Floats:
    """The quotient, NaN where the divisor is zero."""
    result = np.full(len(below), np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


def _plain(value: float) -> float | None:
    return None if isnan(value) else round(float(value), 6)
