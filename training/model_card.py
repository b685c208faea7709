"""The model card: `README.md` in a model's folder, written from its manifest and its report.

The headings follow Mitchell et al. 2019 (doi:10.1145/3287560.3287596).
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Final

import numpy as np

from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Manifest, ModelFile
from training.metrics import PROTOCOL, Metrics
from training.report import ModelReport, uniform_rows
from training.robustness import Robustness

FILE_NAME: Final = "README.md"

_FORBIDDEN: Final = """\
Not for decisions about people: not for hiring, teaching, policing, insurance, credit or diagnosis,
not to judge whether somebody lies, and not to find out what anybody feels. In the European Union
the AI Act (Regulation 2024/1689, Article 5) forbids inferring emotions at work and in education,
medical and safety reasons apart; elsewhere other laws may. Tell the people who are looked at."""

_LIMITS: Final = """\
- The labels are guesses of ten annotators at what a still, grey picture of 48x48 pixels looks like.
  They agree with each other in three pictures of four.
- FER2013's pictures came from a web search for emotion words: posed and acted faces are many, and
  who is shown, by age, skin, gender and culture, was never written down. How accuracy differs
  between groups of people can therefore not be measured on this data, and was not.
- The rare emotions rest on few pictures, here and in training; see their intervals above.
- A resting face can look sad or angry to the model. The person's own neutral face is not known to
  it.
- Covered, strongly turned and tiny faces are not in the data; the agent leaves them `unknown`."""


def write_card(manifest: Manifest, found: ModelReport, folder: Path) -> Path:
    """Write the card into the model's folder and return its path."""
    path = folder / FILE_NAME
    path.write_text(card(manifest, found), encoding="utf-8")
    return path


def card(manifest: Manifest, found: ModelReport) -> str:
    """The card, as Markdown."""
    files = "\n".join(_file_row(manifest, file) for file in manifest.files)
    metrics, part = found.evaluation.metrics, found.evaluation.part
    text = f"""\
# {manifest.model_id}

A small convolutional network that reads which of eight emotions a face *looks* like: from a grey
crop of {manifest.input.side}x{manifest.input.side} pixels to the probabilities of
{", ".join(EMOTIONS[:-1])} and {EMOTIONS[-1]}. `manifest.json` describes its input; licence
{manifest.licence}.

| file | bytes | accuracy (95 % interval) | macro F1 | calibration error |
| --- | ---: | ---: | ---: | ---: |
{files}

## What it is for

Feedback to the person in front of a camera, by sound, light or a page; games, art, research into
such systems. {_FORBIDDEN}

## Data

FER2013 (Goodfellow et al. 2013), {_pictures(manifest)}, with the votes of FER+ (Barsoum et al.
2016): ten people named what each picture looks like. The network learnt the distribution of the
votes. Neither pictures nor votes are in this folder.

## Measures

Of `{Path(found.evaluation.model).name}` on {metrics.pictures:,} pictures of the `{part}` part.
Protocol: {PROTOCOL}. Every picture once, no averaging over mirrored ones.

| emotion | pictures | recall | precision | F1 |
| --- | ---: | ---: | ---: | ---: |
{_class_rows(metrics)}

Mean recall {100 * np.nanmean(metrics.recall):.1f} %, macro F1 {metrics.macro_f1:.3f}.

**Calibration.** The logits are divided by {found.evaluation.temperature:.4g} before the softmax
(temperature scaling, Guo et al. 2017), fitted on the `valid` part: expected calibration error (15
bins) {metrics.calibration_error:.3f}; without it {found.uncalibrated.calibration_error:.3f}.

**Robustness.** The same pictures as cameras and detectors would hand them over:

{_robustness_rows(found.robustness)}

{100 * found.robustness.flips:.1f} % of the answers change under a shift of a pixel, a tilt of two
degrees, a box 5 % larger or a tenth less light.

{_rare(found)}## Known limits and biases

{_LIMITS}

## Made by

`emotion-train report` from the manifest and the files in this folder; `docs/training-log.md` tells
how the network was trained.
"""
    return "\n\n".join(map(_filled, text.split("\n\n")))


def _filled(block: str) -> str:
    """A paragraph with even lines; tables, lists and headings as they are."""
    if block.lstrip()[:1] in ("|", "#", "-"):
        return block
    end = "\n" if block.endswith("\n") else ""
    return textwrap.fill(block, 100, break_long_words=False, break_on_hyphens=False) + end


def _file_row(manifest: Manifest, file: ModelFile) -> str:
    measured = manifest.metrics.get("files", {}).get(file.file, {}).get("valid")
    if measured is None:
        return f"| `{file.file}` | {file.bytes:,} | not measured | | |"
    low, high = measured["accuracy_interval_95"]
    return (
        f"| `{file.file}` | {file.bytes:,} | {100 * measured['accuracy']:.2f} % "
        f"({100 * low:.1f} to {100 * high:.1f}) | {measured['macro_f1']:.3f} | "
        f"{measured['calibration_error_15_bins']:.3f} |"
    )


def _pictures(manifest: Manifest) -> str:
    counts = manifest.training.get("data", {}).get("pictures", {})
    told = ", ".join(f"{count:,} in `{part}`" for part, count in counts.items())
    return told or "in its published parts"


def _class_rows(metrics: Metrics) -> str:
    counts = metrics.confusion.sum(axis=1)
    return "\n".join(
        f"| {name} | {counts[i]:,} | {_percent(metrics.recall[i])} | "
        f"{_percent(metrics.precision[i])} | {_percent(metrics.f1[i])} |"
        for i, name in enumerate(EMOTIONS)
    )


def _robustness_rows(found: Robustness) -> str:
    head = "| condition | accuracy | points lost |\n| --- | ---: | ---: |\n"
    return head + "\n".join(
        f"| {name} | {100 * o.accuracy:.2f} % | {100 * (found.plain - o.accuracy):.2f} |"
        for name, o in found.outcomes.items()
    )


def _rare(found: ModelReport) -> str:
    if not found.uniform:
        return ""
    rows = "\n".join(f"| {' | '.join(row)} |" for row in uniform_rows(found.uniform))
    return f"""\
**Rare emotions.** The network has learnt how rare disgust, fear and contempt are in its data. With
`emotion.prior = "uniform"` the agent expects every emotion as often; `emotion.prior_strength` goes
a part of the way there:

| strength | accuracy | mean recall | macro F1 |
| ---: | ---: | ---: | ---: |
{rows}

"""


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.1f} %"
