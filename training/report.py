"""`emotion-train report`: one page about a model, for people, and its model card.

The page is a single HTML file; the plots are inside it and beside it. Mistakes are listed by the
name of their file: the pictures belong to FER2013 and stay out of every report.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np

from agent.emotion.labels import EMOTIONS
from agent.emotion.prior import Prior
from agent.runtimes.outputs import calibrated
from training.candidate import Candidate
from training.evaluate import Evaluation, judge
from training.ferplus import VOTE_COLUMNS, FerPlus
from training.history import read_history
from training.judged import judged_rows
from training.metrics import PROTOCOL, Metrics, measure
from training.robustness import Robustness, survey

_MISTAKES: Final = 40
"""The wrong answers listed, the most confident first."""

_STRENGTHS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Mistake:
    """A picture that the model reads otherwise than the majority."""

    name: str
    """File name, as FER+ gives it."""
    label: str
    answer: str
    confidence: float
    votes: str
    """Who voted how, as in `anger 6, neutral 3`."""


@dataclass(frozen=True)
class ModelReport:
    """All that was found out about one model on one part."""

    evaluation: Evaluation
    uncalibrated: Metrics
    """The measures at a temperature of one."""
    robustness: Robustness
    uniform: dict[float, Metrics]
    """The measures with `emotion.prior = "uniform"`, by `emotion.prior_strength`; empty where the
    model does not tell what it has learnt."""
    mistakes: list[Mistake]
    history: list[dict[str, str]]
    """Lines of the run's `history.csv`; none where there is no such file."""


def examine(
    candidate: Candidate, data: FerPlus, part: str, history: Path, say: Say = print
) -> ModelReport:
    """Measure a model in every way that the page shows; `say` gets a line of progress now and then.

    Raises `TrainingError` for a part without pictures to judge by and for a damaged history.
    """
    epochs = read_history(history)
    say(f"measuring {candidate.name} on the {part} part")
    rows, labels = judged_rows(data, part)
    logits = candidate.logits(data[part].images[rows])
    probabilities = calibrated(logits, "logits", candidate.temperature)
    say("measuring its robustness")
    return ModelReport(
        evaluation=judge(candidate, part, logits, labels),
        uncalibrated=measure(calibrated(logits, "logits", 1.0), labels),
        robustness=survey(candidate, data, part),
        uniform=_uniform(candidate, probabilities, labels),
        mistakes=_mistakes(data, part, rows, labels, probabilities),
        history=epochs,
    )


def write_report(found: ModelReport, folder: Path) -> list[Path]:
    """Write `report.html` and the plots, and return their paths, the page first."""
    from training import plots  # noqa: PLC0415  # matplotlib takes a second to load

    metrics = found.evaluation.metrics
    title = f"{Path(found.evaluation.model).name}, {found.evaluation.part} part"
    figures = {
        "confusion": plots.confusion(metrics, title),
        "recall": plots.recall(metrics),
        "reliability": plots.reliability(metrics),
        "robustness": plots.robustness(*found.robustness.bars),
    }
    if found.history:
        figures["curves"] = plots.curves(found.history)
    folder.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, bytes] = {}
    for name, figure in figures.items():
        stream = io.BytesIO()
        figure.savefig(stream, format="png")
        pictures[name] = stream.getvalue()
        (folder / f"{name}.png").write_bytes(pictures[name])
    page = folder / "report.html"
    page.write_text(_page(found, pictures), encoding="utf-8")
    return [page, *(folder / f"{name}.png" for name in pictures)]


def _uniform(candidate: Candidate, probabilities: Any, labels: Any) -> dict[float, Metrics]:
    if candidate.prior is None:
        return {}
    learnt = np.array([candidate.prior[name] for name in EMOTIONS])
    even = np.full(len(EMOTIONS), 1 / len(EMOTIONS))
    return {
        strength: measure(Prior(learnt, even, strength).apply(probabilities), labels)
        for strength in _STRENGTHS
    }


def _mistakes(
    data: FerPlus, part: str, rows: Any, labels: Any, probabilities: Any
) -> list[Mistake]:
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:_MISTAKES]
    return [
        Mistake(
            name=str(data[part].names[rows[i]]),
            label=EMOTIONS[labels[i]],
            answer=EMOTIONS[answers[i]],
            confidence=float(confidence[i]),
            votes=_in_words(data[part].votes[rows[i]]),
        )
        for i in worst
    ]


def _in_words(votes: Any) -> str:
    by_count = sorted(zip(votes.tolist(), VOTE_COLUMNS, strict=True), key=lambda pair: -pair[0])
    return ", ".join(f"{name} {count}" for count, name in by_count if count)


_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #888; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; font-size: 1.2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; }
img { max-width: 100%; background: #fff; border-radius: 6px; }
.figures { display: flex; flex-wrap: wrap; gap: .8rem; padding: 0; list-style: none; }
.figures li { border: 1px solid var(--line); border-radius: 8px; padding: .6rem 1rem; }
.figures b { display: block; font-size: 1.35rem; } .figures span, p.note { color: var(--soft); }
"""

_HEADINGS: Final = {
    "confusion": ("Where the answers go", "Each row shows what became of the pictures of a label."),
    "recall": ("Recall by emotion", "With its 95 % interval: rare emotions rest on few pictures."),
    "reliability": ("Does the confidence tell the accuracy?", "Bars on the line: it does."),
    "robustness": ("What cameras and detectors cost", "The same pictures, changed."),
    "curves": ("How it was trained", "The averaged weights on the validation part."),
}


def _page(found: ModelReport, pictures: dict[str, bytes]) -> str:
    title = escape(f"{found.evaluation.model}: a report")
    sections = "\n".join(
        f"<h2>{heading}</h2><p class=note>{note}</p>"
        f'<img alt="{escape(heading)}" src="data:image/png;base64,{_coded(pictures[name])}">'
        for name, (heading, note) in _HEADINGS.items()
        if name in pictures
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
        f"<body><h1>{title}</h1>\n{_figures(found)}\n"
        f"<p class=note>{escape(PROTOCOL)}.</p>\n{sections}\n"
        f"{_robustness_table(found.robustness)}\n{_uniform_table(found.uniform)}\n"
        f"{_mistakes_table(found.mistakes)}\n"
        "</body></html>\n"
    )


def _coded(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def _figures(found: ModelReport) -> str:
    metrics = found.evaluation.metrics
    low, high = metrics.interval
    told = (
        (
            f"{100 * metrics.accuracy:.2f} %",
            f"accuracy (95 %: {100 * low:.1f} to {100 * high:.1f})",
        ),
        (f"{metrics.macro_f1:.3f}", "macro F1"),
        (f"{100 * np.nanmean(metrics.recall):.1f} %", "mean recall of the emotions"),
        (f"{metrics.calibration_error:.3f}", "calibration error"),
        (f"{found.uncalibrated.calibration_error:.3f}", "calibration error without temperature"),
        (f"{100 * found.robustness.flips:.1f} %", "answers change under small perturbations"),
        (f"{metrics.pictures:,}", f"pictures of the {found.evaluation.part} part"),
    )
    items = "".join(f"<li><b>{value}</b><span>{escape(name)}</span></li>" for value, name in told)
    return f"<ul class=figures>{items}</ul>"


def _robustness_table(found: Robustness) -> str:
    rows = [
        (name, f"{100 * o.accuracy:.2f} %", f"{100 * (found.plain - o.accuracy):.2f}")
        for name, o in found.outcomes.items()
    ]
    return _table(("condition", "accuracy", "points lost"), rows)


def uniform_rows(uniform: dict[float, Metrics]) -> list[tuple[str, ...]]:
    """What each strength gives and costs, in words: strength, accuracy, mean recall, macro F1."""
    return [
        (
            f"{strength:g}",
            f"{100 * metrics.accuracy:.2f} %",
            f"{100 * np.nanmean(metrics.recall):.1f} %",
            f"{metrics.macro_f1:.3f}",
        )
        for strength, metrics in uniform.items()
    ]


def _uniform_table(uniform: dict[float, Metrics]) -> str:
    if not uniform:
        return ""
    head = ("strength", "accuracy", "mean recall", "macro F1")
    return f"<h2>Expecting every emotion as often</h2>{_table(head, uniform_rows(uniform))}"


def _mistakes_table(mistakes: Sequence[Mistake]) -> str:
    rows = [(m.name, m.label, m.answer, f"{100 * m.confidence:.0f} %", m.votes) for m in mistakes]
    head = ("file", "majority", "answer", "confidence", "votes")
    return f"<h2>The most confident mistakes</h2>{_table(head, rows)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>\n{body}</tbody></table>"
