"""One conversion from end to end: load, fold, write, compare, and only then publish."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from agent.emotion import manifest as manifests
from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Crop, Input, Manifest, ModelFile
from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError
from agent.quiet import output_hidden
from converters.folding import fold
from converters.keras_file import load_keras_file, preprocessing_of
from converters.parity import Reference, compare, reference
from converters.pictures import Labelled, calibration_pictures, labelled
from converters.report import FileReport, Report, milliseconds_per_face
from converters.targets.target import Artifact, Skipped, Target, Task
from training.ferplus import FerPlus, load_arrays
from training.metrics import measure
from training.targets import Mode, targets

CALIBRATION_SEED: Final = 0
_OWN_PACKAGES: Final = ("agent", "converters", "training")
_INSTALL: Final = "pip install 'emotion-agent[convert]'"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """What to convert, and what to call the result."""

    model: Path
    """The `.keras` file; a `plan.json` beside it is kept in the manifest."""
    data: Path
    """Prepared FER+ arrays with the parts `train`, `valid` and, where there is one, `test`."""
    out: Path
    """The model's folder; made, or its files replaced."""
    name: str
    version: str
    targets: Sequence[Target]
    crops: dict[str, Crop] | None = None
    """By detector; None keeps those of a manifest in `out`."""
    licence: str = "Apache-2.0"
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
        source = _read(job, Path(work), say)
        made, skipped = _make(job, source.task, draft, say)
        entries = [_entry(artifact, draft) for _, artifact in made]
        manifest = source.manifest.model_copy(update={"files": entries})
        files = []
        for target, artifact in made:
            say(f"comparing {artifact.file} with the Keras model")
            with output_hidden(not job.verbose):
                files.append(_measured(target, artifact, manifest, draft, source))
        report = Report(source.expected, files, skipped)
        if not report.complaints:
            _publish(manifest.model_copy(update={"metrics": report.as_dict()}), draft, job.out)
    return report


def _make(job: Job, task: Task, draft: Path, say: Say) -> tuple[Made, list[Skipped]]:
    made: Made = []
    skipped: list[Skipped] = []
    for target in job.targets:
        say(f"converting to {target.name}")
        try:
            with output_hidden(not job.verbose):
                results = target.convert(task, draft)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] in _OWN_PACKAGES:
                raise
            results = [Skipped(target.name, f"needs {error.name}: {_INSTALL}")]
        for result in results:
            if isinstance(result, Skipped):
                skipped.append(result)
            else:
                made.append((target, result))
    return made, skipped


def _read(job: Job, work: Path, say: Say) -> _Source:
    model = load_keras_file(job.model)
    plain = fold(model)
    preprocessing = preprocessing_of(model)
    data = load_arrays(job.data)
    pictures = labelled(data, "valid", preprocessing)
    calibration = calibration_pictures(data, preprocessing, CALIBRATION_SEED)
    say(f"asking the Keras model about {len(pictures):,} validation pictures")
    expected = reference(model, preprocessing, pictures)
    return _Source(
        task=Task(plain, preprocessing, calibration, work),
        expected=expected,
        test=labelled(data, "test", preprocessing) if "test" in data else None,
        manifest=Manifest(
            name=job.name,
            version=job.version,
            licence=job.licence,
            files=[],
            input=_input(preprocessing),
            crops=_crops(job),
            labels=list(EMOTIONS),
            output="logits",
            temperature=expected.temperature,
            prior=_prior(job, data),
            metrics={},
            training=_training(job, data, len(calibration)),
        ),
    )


def _input(preprocessing: Preprocessing) -> Input:
    return Input(
        side=preprocessing.side, offset=preprocessing.offset, divisor=preprocessing.divisor
    )


def _crops(job: Job) -> dict[str, Crop]:
    if job.crops is not None:
        return job.crops
    return manifests.read(job.out).crops if (job.out / manifests.FILE_NAME).exists() else {}


def _training(job: Job, data: FerPlus, calibration: int) -> dict[str, Any]:
    """Where the files come from: enough to make them again."""
    return {
        "plan": _plan(job.model.with_name("plan.json")),
        "data": {
            "description": "FER2013 pictures with the votes of FER+ (Barsoum et al. 2016)",
            "pictures": {part: len(rows) for part, rows in data.items()},
            "sha256": manifests.sha256(job.data),
        },
        "keras_file_sha256": manifests.sha256(job.model),
        "conversion": {
            "calibration": f"{calibration} training pictures, seed {CALIBRATION_SEED}, "
            "every other one augmented",
            "keras": version("keras"),
            "tensorflow": _tensorflow_version(),
        },
    }


def _plan(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        plan: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise ModelError(f"{path}: not valid JSON: {error}") from None
    return plan


def _prior(job: Job, data: FerPlus) -> dict[str, float]:
    """Mean of the targets that the model was trained on: what it has learnt of how rare each is."""
    plan = _plan(job.model.with_name("plan.json")) or {}
    mode: Mode = plan.get("targets", "crossentropy")
    wanted, _ = targets(data["train"].votes, mode)
    shares = wanted.mean(axis=0).tolist()
    return {name: round(share, 6) for name, share in zip(EMOTIONS, shares, strict=True)}


def _tensorflow_version() -> str:
    import tensorflow as tf  # noqa: PLC0415 - the package is called differently by platform

    return str(tf.__version__)


def _entry(artifact: Artifact, folder: Path) -> ModelFile:
    return ModelFile(
        **manifests.stored(folder / artifact.file).model_dump(),
        runtime=artifact.runtime,
        precision=artifact.precision,
        parts=[manifests.stored(folder / name) for name in artifact.parts],
    )


def _measured(
    target: Target, artifact: Artifact, manifest: Manifest, folder: Path, source: _Source
) -> FileReport:
    runtime = target.open(manifest, folder, artifact.precision)
    try:
        parity, metrics = compare(runtime, source.expected)
        test = source.test
        return FileReport(
            artifact=artifact,
            bytes=sum((folder / name).stat().st_size for name in (artifact.file, *artifact.parts)),
            parity=parity,
            valid=metrics,
            test=measure(runtime.predict(test.crops), test.labels) if test else None,
            milliseconds=milliseconds_per_face(runtime, source.expected.pictures.crops),
        )
    finally:
        runtime.close()


def _publish(manifest: Manifest, draft: Path, out: Path) -> None:
    """Move the files in, the manifest last: until then their hashes are refused."""
    out.mkdir(exist_ok=True)
    for entry in manifest.files:
        for file in (entry, *entry.parts):
            (draft / file.file).replace(out / file.file)
    manifests.write(manifest, out)
