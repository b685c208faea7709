"""Pictures of an evaluation: confusion, reliability, training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from agent.emotion.labels import EMOTIONS
from training.metrics import BINS, Metrics, wilson

_DPI: Final = 130
_BLUE: Final = "#2b6cb0"
_ORANGE: Final = "#dd6b20"
_GREY: Final = "#718096"
_DARK: Final = "#1a202c"


def confusion(found: Metrics, title: str) -> Figure:
    """Counts and row shares: each row shows where the pictures of one label went."""
    counts = found.confusion
    labelled = counts.sum(axis=1)
    shares = counts / np.maximum(labelled, 1)[:, np.newaxis]
    figure = Figure(figsize=(8.6, 7.6), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    rows = [f"{name}\n({n:,})" for name, n in zip(EMOTIONS, labelled, strict=True)]
    axes.set_xticks(range(len(EMOTIONS)), EMOTIONS, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(EMOTIONS)), rows)
    axes.set_xlabel("answer")
    axes.set_ylabel("label (pictures)")
    axes.set_title(
        f"{title}\naccuracy {100 * found.accuracy:.2f} % of {found.pictures:,} pictures, "
        f"macro F1 {found.macro_f1:.3f}",
        fontsize=11,
    )
    for (row, column), share in np.ndenumerate(shares):
        if counts[row, column]:
            axes.text(
                column,
                row,
                f"{counts[row, column]:,}\n{100 * share:.1f} %",
                ha="center",
                va="center",
                fontsize=8.5,
                color="white" if share > 0.62 else "black",
            )
    bar = figure.colorbar(image, ax=axes, shrink=0.8, label="share of the label's pictures")
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1))
    return figure


def reliability(found: Metrics) -> Figure:
    """Accuracy in each bin of confidence beside the diagonal, and how many pictures fell there."""
    bins, width = found.bins, 1 / BINS
    centres = (np.arange(BINS) + 0.5) * width
    figure = Figure(figsize=(6.4, 6.8), dpi=_DPI, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    filled = bins.count > 0
    upper.bar(centres, np.nan_to_num(bins.accuracy), width * 0.94, color=_BLUE, label="accuracy")
    upper.plot((0, 1), (0, 1), "--", color=_DARK, label="confidence tells the accuracy")
    upper.plot(
        bins.confidence[filled], bins.accuracy[filled], "o", color=_ORANGE, ms=5, label="bin mean"
    )
    upper.set(ylim=(0, 1), ylabel="accuracy")
    upper.set_title(
        f"expected calibration error {found.calibration_error:.4f} ({BINS} bins)", fontsize=11
    )
    upper.legend(loc="upper left", frameon=False)
    lower.bar(centres, bins.count, width * 0.94, color=_GREY)
    lower.set(xlim=(0, 1), xlabel="confidence (highest probability)", ylabel="pictures")
    for axes in (upper, lower):
        axes.grid(axis="y", alpha=0.3)
        axes.set_axisbelow(True)
    return figure


def recall(found: Metrics) -> Figure:
    """Recall of each emotion with its 95 % interval (Wilson)."""
    labelled = found.confusion.sum(axis=1)
    right = np.diag(found.confusion)
    figure = Figure(figsize=(7.2, 3.8), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    for place, (hits, total) in enumerate(zip(right.tolist(), labelled.tolist(), strict=True)):
        if total:
            low, high = wilson(hits, total)
            axes.bar(place, hits / total, 0.7, color=_BLUE)
            axes.plot((place, place), (low, high), color=_ORANGE, lw=2)
    names = [f"{name}\n{n:,}" for name, n in zip(EMOTIONS, labelled, strict=True)]
    axes.set_xticks(range(len(EMOTIONS)), names, fontsize=8.5)
    axes.set(ylim=(0, 1), ylabel="recall")
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    return figure


def curves(history: Sequence[dict[str, str]]) -> Figure:
    """Losses, validation accuracy and learning rate over the epochs of `history.csv`."""
    epochs = [int(row["epoch"]) for row in history]
    figure = Figure(figsize=(7.2, 7.6), dpi=_DPI, layout="constrained")
    losses, accuracy, rate = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.5))
    mark = {"marker": "o", "ms": 3}
    losses.plot(epochs, _column(history, "loss"), color=_BLUE, label="training targets", **mark)
    losses.plot(
        epochs,
        _column(history, "valid_loss"),
        color=_ORANGE,
        label="validation majority labels",
        **mark,
    )
    losses.set_ylabel("cross-entropy")
    losses.legend(frameon=False)
    shares = [100 * share for share in _column(history, "valid_accuracy")]
    best = int(np.argmax(shares))
    accuracy.plot(epochs, shares, color=_ORANGE, **mark)
    accuracy.set_ylabel("validation accuracy, %")
    accuracy.set_title(f"best {shares[best]:.2f} % after epoch {epochs[best]}", fontsize=10)
    rate.plot(epochs, _column(history, "rate"), color=_GREY, **mark)
    rate.set(ylabel="learning rate", xlabel="epoch")
    rate.set_ylim(bottom=0)
    rate.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (losses, accuracy, rate):
        axes.grid(alpha=0.3)
    return figure


def _column(history: Sequence[dict[str, Any]], name: str) -> list[float]:
    return [float(row[name]) for row in history]


def robustness(accuracy: Mapping[str, float], plain: float, title: str) -> Figure:
    """Accuracy under each condition, beside that on unchanged pictures."""
    values = list(accuracy.values())
    figure = Figure(figsize=(8.0, 0.32 * len(values) + 1.6), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh(list(accuracy), values, color=_BLUE, height=0.72)
    shown = [f"{100 * value:.1f}" for value in values]
    axes.bar_label(bars, shown, padding=-30, fontsize=8.5, color="white")
    axes.axvline(plain, color=_ORANGE, ls="--", label=f"unchanged {100 * plain:.1f} %")
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="accuracy")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_title(title, fontsize=11)
    axes.legend(loc="lower left", frameon=True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure
