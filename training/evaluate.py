"""`emotion-train evaluate`: measures a model on one part of FER+ and writes what it found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

from agent.emotion.labels import EMOTIONS
from agent.runtimes.outputs import calibrated
from training.calibration import fit_temperature
from training.candidate import Candidate, Outputs
from training.ferplus import FerPlus
from training.history import read_history
from training.judged import judged_rows
from training.metrics import PROTOCOL, Labels, Metrics, measure


@dataclass(frozen=True)
class Evaluation:
    """The measures of one model on one part."""

    model: str
    part: str
    temperature: float
    """What the model's logits were divided by."""
    metrics: Metrics
    fitted_temperature: float
    """The temperature that fits these very pictures best."""
    fitted: Metrics
    """The measures with that temperature."""

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON carries it, the protocol included."""
        return {
            "model": self.model,
            "part": self.part,
            "protocol": PROTOCOL,
            "temperature": self.temperature,
            **self.metrics.as_dict(),
            "fitted": {
                "temperature": round(self.fitted_temperature, 4),
                "calibration_error_15_bins": round(self.fitted.calibration_error, 6),
                "cross_entropy": round(self.fitted.cross_entropy, 6),
            },
        }

    def text(self) -> str:
        """A page for the terminal."""
        found, (low, high) = self.metrics, self.metrics.interval
        lines = [
            f"model          {self.model}",
            f"pictures       {found.pictures:,} of the {self.part} part",
            f"protocol       {PROTOCOL}",
            f"accuracy       {_percent(found.accuracy)} %",
            f"95 % interval  {_percent(low)} to {_percent(high)} % (Wilson)",
            f"macro F1       {found.macro_f1:.4f}",
            f"ECE            {found.calibration_error:.4f} (15 bins)",
            f"cross-entropy  {found.cross_entropy:.4f}",
            f"temperature    {self.temperature:.4g}",
            self._fitted_line(),
            "",
            f"{'class':<12}{'pictures':>9}{'recall':>9}{'precision':>11}{'F1':>8}",
        ]
        for i, name in enumerate(EMOTIONS):
            lines.append(
                f"{name:<12}{int(found.confusion[i].sum()):>9,}{_share(found.recall[i]):>9}"
                f"{_share(found.precision[i]):>11}{_share(found.f1[i]):>8}"
            )
        return "\n".join(lines)

    def _fitted_line(self) -> str:
        return (
            f"best here      temperature {self.fitted_temperature:.3f}, fitted on these pictures: "
            f"ECE {self.fitted.calibration_error:.4f}, "
            f"cross-entropy {self.fitted.cross_entropy:.4f}"
        )


def evaluate(candidate: Candidate, data: FerPlus, part: str) -> Evaluation:
    """Measure a model on the pictures of a part that the majority rule keeps.

    Raises `TrainingError` where the data has no such part or no such picture.
    """
    rows, labels = judged_rows(data, part)
    return judge(candidate, part, candidate.logits(data[part].images[rows]), labels)


def judge(candidate: Candidate, part: str, logits: Outputs, labels: Labels) -> Evaluation:
    """The evaluation of what a model has answered: N x 8 logits, to N class numbers."""
    best = fit_temperature(logits, labels)
    return Evaluation(
        model=candidate.name,
        part=part,
        temperature=candidate.temperature,
        metrics=measure(calibrated(logits, "logits", candidate.temperature), labels),
        fitted_temperature=best,
        fitted=measure(calibrated(logits, "logits", best), labels),
    )


def write(found: Evaluation, folder: Path, history: Path) -> list[Path]:
    """Write `metrics.json` and the plots, and return their paths.

    `curves.png` is drawn only where `history` (a `history.csv`) exists.
    """
    from training import plots  # noqa: PLC0415  # matplotlib takes a second to load

    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "metrics.json"
    page.write_text(json.dumps(found.as_dict(), indent=2) + "\n", encoding="utf-8")
    title = f"{Path(found.model).name}, {found.part} part"
    figures = {
        "confusion.png": plots.confusion(found.metrics, title),
        "reliability.png": plots.reliability(found.metrics),
    }
    epochs = read_history(history)
    if epochs:
        figures["curves.png"] = plots.curves(epochs)
    for name, figure in figures.items():
        figure.savefig(folder / name)
    return [page, *(folder / name for name in figures)]


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _share(value: float) -> str:
    return "-" if isnan(value) else f"{value:.3f}"
