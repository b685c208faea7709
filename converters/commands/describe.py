"""`emotion-convert describe`: makes somebody else's model usable by a manifest."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from agent.emotion.labels import EMOTIONS
from agent.errors import ModelError
from converters.commands.arguments import model_name, value_range, wanted
from converters.targets import TARGETS
from training.backend import load_keras_to_convert

_SYNONYMS: Final = {
    "angry": "anger",
    "contemptuous": "contempt",
    "disgusted": "disgust",
    "afraid": "fear",
    "fearful": "fear",
    "scared": "fear",
    "happy": "happiness",
    "calm": "neutral",
    "sad": "sadness",
    "surprised": "surprise",
}
"""What other data sets call the emotions of FER+."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add = parser.add_argument
    add("model", type=Path, metavar="FILE", help=".onnx, .tflite, .keras, .h5 or a SavedModel")
    add("--out", type=Path, required=True, metavar="DIR", help="the model's folder")
    add("--name", type=model_name, required=True, help="as events name it: ferplus-vgg13")
    add("--version", default="1", help="of the model (default: %(default)s)")
    add("--labels", type=_labels, metavar="A,B,...", help=_LABELS_HELP)
    add("--range", type=value_range, metavar="LOW..HIGH", help=_RANGE_HELP)
    add("--margin", type=_margin, help="round a detector's box, as a share of it (default: 0.1)")
    add("--licence", default="unknown", help="default: %(default)s")
    add("--data", type=Path, metavar="PLACE", help="FER+ to check and calibrate by")
    add("--unchecked", action="store_true", help="write it even if it does not read the data")
    add("--to", type=wanted, metavar="TARGETS", help=_TO_HELP)
    add("--verbose", action="store_true", help="show what the libraries print")


_LABELS_HELP: Final = (
    "the emotions in the order of the outputs (default: FER+'s for eight, FER2013's for seven)"
)
_RANGE_HELP: Final = (
    "what black and white become at the input, as in --range=-1..1 (default: measured with "
    "--data; else 0..255 for channels first, 0..1 for others)"
)
_TO_HELP: Final = (
    "convert a .keras or .h5 file to these formats with the parity check; needs --data"
)


def run(arguments: argparse.Namespace) -> int:
    """Write the folder, say what it holds; raises `ModelError` or `TrainingError`."""
    if not arguments.model.exists():
        raise ModelError(f"{arguments.model}: no such file")
    if arguments.data is not None and not arguments.data.exists():
        raise ModelError(f"{arguments.data}: no such file or folder")
    load_keras_to_convert()
    return _convert(arguments) if arguments.to else _describe(arguments)


def _describe(arguments: argparse.Namespace) -> int:
    from converters.describing import Description, describe  # noqa: PLC0415 - loads TensorFlow

    job = Description(
        model=arguments.model,
        out=arguments.out,
        name=arguments.name,
        version=arguments.version,
        labels=arguments.labels,
        values=arguments.range,
        margin=arguments.margin,
        licence=arguments.licence,
        data=arguments.data,
        unchecked=arguments.unchecked,
        verbose=arguments.verbose,
    )
    done = describe(job, lambda line: print(line, file=sys.stderr, flush=True))
    print(done.text())
    print(
        f"written to {arguments.out}; to use it: emotion-agent run {done.settings(arguments.out)}"
    )
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    """The project's own conversion, told of the model's labels and range."""
    if arguments.data is None:
        raise ModelError("--to needs --data: pictures to calibrate with and to compare on")
    if arguments.model.suffix not in (".keras", ".h5"):
        raise ModelError(f"{arguments.model}: --to takes a .keras or .h5 file only")
    from converters.conversion import Foreign, Job, convert  # noqa: PLC0415 - takes seconds to load
    from converters.describing import crops_of, usual_labels  # noqa: PLC0415
    from converters.keras_file import classes_of  # noqa: PLC0415

    classes = classes_of(arguments.model)
    job = Job(
        model=arguments.model,
        data=arguments.data,
        out=arguments.out,
        name=arguments.name,
        version=arguments.version,
        targets=[TARGETS[name] for name in arguments.to],
        precisions=arguments.to,
        crops=crops_of(arguments.margin),
        licence=arguments.licence,
        verbose=arguments.verbose,
        foreign=Foreign(
            labels=usual_labels(arguments.model, classes, arguments.labels),
            values=arguments.range or (0.0, 1.0),
        ),
    )
    report = convert(job, lambda line: print(line, file=sys.stderr, flush=True))
    print(report.text())
    if report.complaints:
        raise ModelError(f"nothing was written to {job.out}: {'; '.join(report.complaints)}")
    print(f"written to {job.out}")
    return 0


def _labels(text: str) -> list[str]:
    given = [name.strip().lower() for name in text.split(",")]
    labels = [_SYNONYMS.get(name, name) for name in given]
    for name, label in zip(given, labels, strict=True):
        if label not in EMOTIONS:
            raise argparse.ArgumentTypeError(
                f"unknown emotion '{name}'; the emotions are {', '.join(EMOTIONS)}"
            )
        if labels.count(label) > 1:
            raise argparse.ArgumentTypeError(f"'{label}' is named twice")
    return labels


def _margin(text: str) -> float:
    try:
        margin = float(text)
    except ValueError:
        margin = float("nan")
    if not -0.5 <= margin <= 2:
        raise argparse.ArgumentTypeError(f"{text!r}: a number from -0.5 to 2")
    return margin
