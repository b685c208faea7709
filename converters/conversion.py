"""One conversion from end to end: load, fold, write, compare, and only then publish."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from agent.emotion import manifest as manifests
from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Crop, Input, Manifest, ModelFile, Precision, SourceFile
from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError
from agent.quiet import output_hidden
from agent.runtimes.runtime import EmotionRuntime
from converters.folding import fold, is_folded
from converters.keras_file import load_keras_file, preprocessing_of
from converters.parity import Parity, Reference, compare, reference
from converters.pictures import Labelled, calibration_pictures, labelled
from converters.provenance import described_by, learnt_prior, training_record
from converters.report import FileReport, Report
from converters.targets.target import Artifact, Skipped, Target, Task
from converters.timing import side_by_side
from training.loading import load_data
from training.metrics import Metrics, measure

CALIBRATION_SEED: Final = 0
SOURCE_FILE: Final = "model.keras"
SOURCE_NOTE: Final = (
    "the trained network, its batch normalisation folded into the convolutions, without dropout; "
    "all files were converted from it"
)
_OWN_PACKAGES: Final = ("agent", "converters", "training")
_INSTALL: Final = "pip install 'emotion-agent[convert]'"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Foreign:
    """What sets a model that was trained elsewhere apart."""

    labels: Sequence[str]
    """The emotion of each output, in the model's order."""
    values: tuple[float, float]
    """What black and white become at the model's input."""


@dataclass(frozen=True)
class Job:
    """What to convert, and what to call the result."""

    model: Path
    """The `.keras` file; a `plan.json` beside it is kept in the manifest."""
    data: Path
    """FER+ as `load_data` takes it, with the parts `train`, `valid` and perhaps `test`."""
    out: Path
    """The model's folder; made, or its files replaced."""
    targets: Sequence[Target]
    precisions: Mapping[str, tuple[Precision, ...]] = field(default_factory=dict)
    """By the target's name; all of a target that is not named."""
    name: str | None = None
    """None takes name, version, licence and crops from the manifest beside the model."""
    version: str | None = None
    licence: str | None = None
    crops: dict[str, Crop] | None = None
    """By detector; None keeps those of the manifest beside the model, or of one in `out`."""
    foreign: Foreign | None = None
    """For a model that was trained elsewhere."""
    verbose: bool = False
    """Show what the libraries print."""


@dataclass(frozen=True)
class _Source:
    """What every file of one conversion is made from and held against."""

    task: Task
    expected: Reference
    test: Labelled | None
    manifest: Manifest
    """Without files and metrics."""


Made = list[tuple[Target, Artifact]]


def convert(job: Job, say: Say = print) -> Report:
    """Convert, compare every file with the Keras model, and publish if all are within the limits.

    `out` is untouched unless the report is without complaints. `say` gets a line of progress now
    and then. Raises `ModelError` or `TrainingError` for input that cannot be used.
    """
    job.out.parent.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix=f".{job.out.name}-", dir=job.out.parent) as folder,
        TemporaryDirectory(prefix="emotion-convert-") as work,
    ):
        draft = Path(folder)
        source = _read(job, draft, Path(work), say)
        made, skipped = _make(job, source.task, draft, say)
        entries = [_entry(artifact, draft) for _, artifact in made]
        manifest = source.manifest.model_copy(update={"files": entries})
        report = Report(source.expected, _measure(job, made, manifest, draft, source, say), skipped)
        if not report.complaints:
            _publish(manifest.model_copy(update={"metrics": report.metrics()}), draft, job.out)
    return report


def _make(job: Job, task: Task, draft: Path, say: Say) -> tuple[Made, list[Skipped]]:
    made: Made = []
    skipped: list[Skipped] = []
    for target in job.targets:
        wanted = job.precisions.get(target.name, task.wanted)
        say(f"converting to {target.name}")
        try:
            with output_hidden(not job.verbose):
                results = target.convert(replace(task, wanted=wanted), draft)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] in _OWN_PACKAGES:
                raise
            results = [Skipped(target.name, f"needs {error.name}: {_INSTALL}")]
        for result in results:
            if isinstance(result, Skipped):
                skipped.append(result)
            elif result.precision in wanted:
                made.append((target, result))
    return made, skipped


def _read(job: Job, draft: Path, work: Path, say: Say) -> _Source:
    foreign = job.foreign
    labels = foreign.labels if foreign else EMOTIONS
    model = load_keras_file(job.model, len(labels))
    known = described_by(job.model)
    name, version, licence = _identity(job, known)
    plain = fold(model)
    preprocessing = preprocessing_of(model, foreign.values if foreign else None)
    say(f"reading {job.data}")
    found = load_data(job.data)
    pictures = labelled(found.data, "valid", preprocessing)
    calibration = calibration_pictures(found.data, preprocessing, CALIBRATION_SEED)
    say(f"asking the Keras model about {len(pictures):,} validation pictures")
    expected = reference(model, preprocessing, pictures, labels)
    test = labelled(found.data, "test", preprocessing) if "test" in found.data else None
    chosen = f"{len(calibration)} training pictures, seed {CALIBRATION_SEED}"
    training = training_record(job.model, known, found, f"{chosen}, every other one augmented")
    prior = known.prior if known else learnt_prior(job.model, found.data)
    if foreign:  # what it was trained on is not known
        training, prior = {"conversion": training["conversion"]}, None
    manifest = Manifest(
        name=name,
        version=version,
        licence=licence,
        files=[],
        input=_input(preprocessing),
        crops=_crops(job, known),
        labels=list(labels),
        output="logits",
        temperature=expected.temperature,
        prior=prior,
        metrics={},
        training=training,
        source=_keep_source(job.model, model, plain, draft),
    )
    task = Task(plain, preprocessing, calibration, work, temperature=expected.temperature)
    return _Source(task, expected, test, manifest)


def _identity(job: Job, known: Manifest | None) -> tuple[str, str, str]:
    """Name, version and licence: as given, or as the manifest beside the model has them."""
    name = job.name or (known.name if known else None)
    version = job.version or (known.version if known else None)
    if name is None or version is None:
        raise ModelError(
            f"{job.model}: no {manifests.FILE_NAME} beside it tells its name and version; "
            "give --name and --version"
        )
    return name, version, job.licence or (known.licence if known else "Apache-2.0")


def _keep_source(path: Path, model: Any, plain: Any, draft: Path) -> SourceFile:
    """Put the folded network beside the files, so that they can be made again without training."""
    kept = draft / SOURCE_FILE
    if is_folded(model) and path.suffix == kept.suffix:
        shutil.copyfile(path, kept)
    else:
        plain.save(kept)
    return SourceFile(**manifests.stored(kept).model_dump(), note=SOURCE_NOTE)


def _input(preprocessing: Preprocessing) -> Input:
    return Input(
        side=preprocessing.side, offset=preprocessing.offset, divisor=preprocessing.divisor
    )


def _crops(job: Job, known: Manifest | None) -> dict[str, Crop]:
    if job.crops is not None:
        return job.crops
    if known is not None:
        return known.crops
    return manifests.read(job.out).crops if (job.out / manifests.FILE_NAME).exists() else {}


def _entry(artifact: Artifact, folder: Path) -> ModelFile:
    return ModelFile(
        **manifests.stored(folder / artifact.file).model_dump(),
        runtime=artifact.runtime,
        precision=artifact.precision,
        parts=[manifests.stored(folder / name) for name in artifact.parts],
        optimizer=artifact.optimizer,
    )


def _measure(
    job: Job, made: Made, manifest: Manifest, draft: Path, source: _Source, say: Say
) -> list[FileReport]:
    """Compare each file with the Keras model in its own engine, then time all of them together."""
    with ExitStack() as opened:
        runtimes: list[EmotionRuntime] = []
        compared: list[_Compared] = []
        for number, (target, artifact) in enumerate(made, start=1):
            say(f"comparing {artifact.file} with the Keras model ({number} of {len(made)})")
            with output_hidden(not job.verbose):
                runtime = target.open(manifest, draft, artifact.precision)
                opened.callback(runtime.close)
                compared.append(_compared(runtime, source))
            runtimes.append(runtime)
        say("timing all engines side by side")
        with output_hidden(not job.verbose):
            times = side_by_side(runtimes, source.expected.pictures.crops)
    return [
        FileReport(artifact, _size(artifact, draft), *found, milliseconds)
        for (_, artifact), found, milliseconds in zip(made, compared, times, strict=True)
    ]


_Compared = tuple[Parity, Metrics, Metrics | None]


def _compared(runtime: EmotionRuntime, source: _Source) -> _Compared:
    parity, valid = compare(runtime, source.expected)
    test = source.test
    return parity, valid, measure(runtime.predict(test.crops), test.labels) if test else None


def _size(artifact: Artifact, folder: Path) -> int:
    return sum((folder / name).stat().st_size for name in (artifact.file, *artifact.parts))


def _publish(manifest: Manifest, draft: Path, out: Path) -> None:
    """Move the files in, the manifest last: until then their hashes are refused."""
    out.mkdir(exist_ok=True)
    for entry in manifest.files:
        for file in (entry, *entry.parts):
            (draft / file.file).replace(out / file.file)
    if manifest.source is not None:
        (draft / manifest.source.file).replace(out / manifest.source.file)
    manifests.write(manifest, out)
