"""Makes somebody else's model usable: looks into its file, measures what that does not tell, and
writes a folder with a manifest.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from agent.emotion import manifest as manifests
from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Crop, Input, Manifest, ModelFile
from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError
from agent.quiet import output_hidden
from agent.runtimes.onnx import OnnxRuntime
from agent.runtimes.outputs import answers
from agent.runtimes.tflite import TfliteRuntime
from converters.inspection import Network, inspect
from converters.parity import fitted_temperature
from converters.pictures import Labelled, labelled
from converters.report import plain_metrics
from training.loading import load_data
from training.metrics import PROTOCOL, Metrics, measure

FER2013: Final = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
"""The order of Kaggle's `fer2013.csv`, and of most networks with seven outputs."""

DETECTORS: Final = (
    "blazeface",
    "blazeface-short-range",
    "blazeface-full-range",
    "yunet",
    "haar",
)

Values = tuple[float, float]
"""What black and white become at the network's input."""

RANGES: Final[tuple[Values, ...]] = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
_TRIED: Final = 500  # pictures to choose the range by
_PATTERNS: Final = 64
_SUM_ERROR: Final = 0.02  # of a row of probabilities: eight int8 steps of 1/256, half of each

Say = Callable[[str], None]


@dataclass(frozen=True)
class Description:
    """A model file, and what its owner knows of it."""

    model: Path
    """`.onnx`, `.tflite`, `.keras`, `.h5`, or a SavedModel's folder."""
    out: Path
    name: str
    version: str
    labels: Sequence[str] | None = None
    """In the order of the outputs; None: FER+'s for eight, FER2013's for seven."""
    values: Values | None = None
    """None: the range that reads the data best; without data by the kind of file."""
    margin: float | None = None
    """Of the crop round a detector's box; None: 0.1."""
    licence: str = "unknown"
    data: Path | None = None
    """FER+ to check by, as `load_data` takes it."""
    unchecked: bool = False
    """Write the folder even if the model does not read the data's faces."""
    verbose: bool = False
    """Show what the libraries print."""


@dataclass(frozen=True)
class Described:
    """What was written."""

    manifest: Manifest
    metrics: Metrics | None

    def text(self) -> str:
        """What is known of the model now, a line for each matter."""
        found, (file,) = self.manifest, self.manifest.files
        black, white = ((pixel - found.input.offset) / found.input.divisor for pixel in (0, 255))
        shape = " x ".join(map(str, found.input.shape))
        lines = [
            f"{file.file}: {file.precision}, input {shape}, {black:g}..{white:g}",
            f"outputs: {found.output} of {', '.join(found.labels)}",
        ]
        if self.metrics is not None:
            low, high = (100 * bound for bound in self.metrics.interval)
            pairs = zip(EMOTIONS, self.metrics.recall, strict=True)
            recall = [(name, share) for name, share in pairs if not np.isnan(share)]
            right = f"{100 * self.metrics.accuracy:.1f} % of {self.metrics.pictures:,} faces"
            lines += [
                f"right: {right} ({low:.1f} to {high:.1f}); temperature {found.temperature:g}",
                f"recall: {', '.join(f'{name} {100 * share:.0f} %' for name, share in recall)}",
            ]
        return "\n".join(lines)

    def settings(self, folder: Path) -> str:
        """The command line's settings that make the agent use it."""
        (file,) = self.manifest.files
        return (
            f"--set runtime.model={folder.resolve()} --set runtime.kind={file.runtime} "
            f"--set runtime.precision={file.precision}"
        )


def describe(job: Description, say: Say = print) -> Described:
    """Write the model and its manifest into `job.out`.

    Raises `ModelError` for a file that cannot be used, labels that do not fit, and a model that
    reads the data's faces no better than guessing would.
    """
    job.out.parent.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix=f".{job.out.name}-", dir=job.out.parent) as folder,
        TemporaryDirectory(prefix="emotion-convert-") as work,
    ):
        draft = Path(folder)
        manifest = _first_manifest(job, draft, Path(work))
        pictures = _pictures(job, manifest)
        manifest = _with_values(job, manifest, draft, pictures, say)
        manifest, metrics = _measured(job, manifest, draft, pictures, say)
        job.out.mkdir(exist_ok=True)
        for entry in manifest.files:
            (draft / entry.file).replace(job.out / entry.file)
        manifests.write(manifest, job.out)
    return Described(manifest, metrics)


def _first_manifest(job: Description, draft: Path, work: Path) -> Manifest:
    """All that is known before the network was asked anything; puts its file into the draft."""
    source = _usable_file(job, work)
    network = inspect(source, job.model)
    path = draft / f"model-{network.precision}.{network.runtime}"
    shutil.copyfile(source, path)
    return Manifest(
        name=job.name,
        version=job.version,
        licence=job.licence,
        files=[
            ModelFile(
                **manifests.stored(path).model_dump(),
                runtime=network.runtime,
                precision=network.precision,
            )
        ],
        input=_input(network, job.values or network.values or _usual_values(network)),
        crops=crops_of(job.margin),
        labels=list(usual_labels(job.model, network.classes, job.labels)),
        output="probabilities",
        temperature=1.0,
        metrics={},
        training={"described": f"from {job.model.name}, made elsewhere"},
    )


def _usable_file(job: Description, work: Path) -> Path:
    """The file itself, or a TFLite file made of it in the work folder."""
    model = job.model
    if model.suffix in (".onnx", ".tflite"):
        return model
    if model.suffix not in (".keras", ".h5") and not (model / "saved_model.pb").is_file():
        raise ModelError(f"{model}: not one of .onnx, .tflite, .keras, .h5, or a SavedModel")
    from converters.keras_kinds import as_tflite  # noqa: PLC0415 - imports TensorFlow

    path = work / "made.tflite"
    with output_hidden(not job.verbose):
        path.write_bytes(as_tflite(model))
    return path


def usual_labels(model: Path, classes: int, given: Sequence[str] | None) -> Sequence[str]:
    """The labels that were given, or those that networks with so many outputs mostly have.

    Raises `ModelError`, naming the file, where the number does not fit.
    """
    usual: dict[int, Sequence[str]] = {len(EMOTIONS): EMOTIONS, len(FER2013): FER2013}
    labels = given or usual.get(classes)
    if labels is None:
        raise ModelError(f"{model}: has {classes} outputs: name them with --labels")
    if len(labels) != classes:
        raise ModelError(f"{model}: has {classes} outputs, but --labels names {len(labels)}")
    return labels


def crops_of(margin: float | None) -> dict[str, Crop]:
    """The same crop for every detector; none, for the agent's own default, without a margin."""
    return {} if margin is None else dict.fromkeys(DETECTORS, Crop(margin=margin))


def _usual_values(network: Network) -> Values:
    """The ONNX networks of FER+ take grey values as they are, Keras examples divide by 255."""
    return (0.0, 255.0) if network.layout == "NCHW" else (0.0, 1.0)


def _input(network: Network, values: Values) -> Input:
    range_ = Preprocessing.to_range(network.side, *values)
    return Input(
        side=network.side, layout=network.layout, offset=range_.offset, divisor=range_.divisor
    )


def _pictures(job: Description, manifest: Manifest) -> Labelled | None:
    if job.data is None:
        return None
    return labelled(load_data(job.data).data, "valid", manifest.preprocessing)


def _with_values(
    job: Description, manifest: Manifest, draft: Path, pictures: Labelled | None, say: Say
) -> Manifest:
    """The manifest with the range that reads the pictures best, where none is known."""
    (file,) = manifest.files
    if job.values or pictures is None or file.precision == "int8":
        return manifest
    few = Labelled(pictures.crops[:_TRIED], pictures.labels[:_TRIED])
    found: dict[Values, float] = {}
    for values in RANGES:
        trial = _with_range(manifest, values)
        found[values] = _right(few, answers(_outputs(trial, draft, few.crops), trial))
    best = max(found, key=lambda values: found[values])
    told = ", ".join(f"{low:g}..{high:g} {100 * r:.0f} %" for (low, high), r in found.items())
    say(f"right by value range: {told}")
    return _with_range(manifest, best)


def _with_range(manifest: Manifest, values: Values) -> Manifest:
    range_ = Preprocessing.to_range(manifest.input.side, *values)
    changed = {"offset": range_.offset, "divisor": range_.divisor}
    return manifest.model_copy(update={"input": manifest.input.model_copy(update=changed)})


def _measured(
    job: Description, manifest: Manifest, draft: Path, pictures: Labelled | None, say: Say
) -> tuple[Manifest, Metrics | None]:
    """The manifest with the kind of output; with temperature and metrics where there is data."""
    crops = pictures.crops if pictures else _patterns(manifest.preprocessing)
    outputs = _outputs(manifest, draft, crops)
    if not np.isfinite(outputs).all():
        raise ModelError(f"{job.model}: gives numbers that are not finite")
    manifest = manifest.model_copy(update={"output": output_kind(outputs)})
    if pictures is None:
        say("not checked: no --data with labelled faces")
        return manifest, None
    logits = outputs if manifest.output == "logits" else np.log(np.maximum(outputs, 1e-12))
    temperature = fitted_temperature(logits, pictures.labels, manifest.labels)
    manifest = manifest.model_copy(update={"temperature": temperature})
    metrics = measure(answers(outputs, manifest), pictures.labels)
    if not job.unchecked:
        _require_reading(job, metrics, pictures)
    kept = {
        "protocol": f"{PROTOCOL}; every picture of `valid` (PublicTest) once, as it is",
        "files": {manifest.files[0].file: {"valid": plain_metrics(metrics)}},
    }
    return manifest.model_copy(update={"metrics": kept}), metrics


def output_kind(outputs: npt.NDArray[np.floating[Any]]) -> Literal["logits", "probabilities"]:
    """Probabilities are never negative and sum to one, for every picture."""
    sums = outputs.sum(axis=1)
    positive = bool((outputs >= -1e-6).all())
    return "probabilities" if positive and np.abs(sums - 1).max() < _SUM_ERROR else "logits"


def _require_reading(job: Description, metrics: Metrics, pictures: Labelled) -> None:
    """A model must be right more often than one that always says the commonest emotion."""
    commonest, count = Counter(pictures.labels.tolist()).most_common(1)[0]
    if metrics.interval[0] > count / len(pictures):
        return
    raise ModelError(
        f"{job.model}: reads {100 * metrics.accuracy:.1f} % of {len(pictures):,} faces right, and "
        f"who always says {EMOTIONS[commonest]} reads {100 * count / len(pictures):.1f} %: wrong "
        "--labels or --range, or no model of faces; --unchecked writes it all the same"
    )


def _right(pictures: Labelled, probabilities: npt.NDArray[np.float32]) -> float:
    return float((probabilities.argmax(axis=1) == pictures.labels).mean())


def _outputs(
    manifest: Manifest, folder: Path, crops: npt.NDArray[np.uint8]
) -> npt.NDArray[np.floating[Any]]:
    (file,) = manifest.files
    engine = TfliteRuntime if file.runtime == "tflite" else OnnxRuntime
    runtime = engine(manifest, folder, file.precision)
    try:
        return np.asarray(runtime.outputs(crops))
    finally:
        runtime.close()


def _patterns(preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
    """Blots of all shades, to see what kind of numbers come out where no faces are at hand."""
    rng = np.random.default_rng(0)
    blots = rng.integers(0, 256, (_PATTERNS, 6, 6), dtype=np.uint8)
    return np.stack([preprocessing.resize(blot) for blot in blots])
