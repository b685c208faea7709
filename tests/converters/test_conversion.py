from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.emotion import manifest as manifests
from agent.emotion.manifest import Crop, Manifest, Precision
from agent.errors import ModelError
from agent.runtimes.runtime import EmotionRuntime
from agent.runtimes.tflite import TfliteRuntime
from converters.conversion import Job, convert
from converters.report import Report
from converters.targets.target import Artifact, Skipped, Target, Task
from converters.targets.tflite import TfliteTarget
from training.ferplus import FerPlus


def silent(line: str) -> None:
    """Takes the place of the progress lines."""


@pytest.fixture(scope="module")
def done(job: Job, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Report]:
    """One conversion that went well."""
    own = replace(job, out=tmp_path_factory.mktemp("models") / "tiny")
    return own, convert(own, silent)


def test_a_good_conversion_agrees_with_the_keras_model(done: tuple[Job, Report]) -> None:
    _, report = done

    assert report.complaints == []
    by_precision = {file.artifact.precision: file for file in report.files}
    assert by_precision["float32"].parity.agreement == 1
    assert by_precision["float32"].parity.largest_difference < 1e-4
    assert by_precision["int8"].parity.agreement >= 0.98
    assert by_precision["int8"].valid.accuracy > 0.8
    assert by_precision["int8"].bytes < by_precision["float32"].bytes


def test_the_negative_controls_disagree(done: tuple[Job, Report]) -> None:
    for file in done[1].files:
        assert file.parity.control_transposed < 0.7
        assert file.parity.control_unscaled < 0.7


def test_the_folder_holds_the_files_and_the_manifest_and_nothing_else(
    done: tuple[Job, Report],
) -> None:
    out = done[0].out

    assert {path.name for path in out.iterdir()} == {
        *("manifest.json", "model.keras", "model-int8.tflite", "model-float32.tflite")
    }
    assert [path.name for path in out.parent.iterdir()] == ["tiny"]


def test_the_manifest_tells_what_the_files_are_and_where_they_come_from(
    done: tuple[Job, Report],
) -> None:
    job, report = done
    manifest = manifests.read(job.out)

    assert manifest.model_id == "tiny@2.0.0"
    assert manifest.temperature == report.expected.temperature
    assert manifest.preprocessing.side == 48
    assert manifest.training["plan"] == {"model": "tiny", "epochs": 10}
    assert manifest.training["data"]["pictures"] == {"train": 480, "valid": 400, "test": 160}
    assert manifest.training["data"]["sha256"] == {"stripes.npz": manifests.sha256(job.data)}
    assert manifest.training["keras_file_sha256"] == manifests.sha256(job.model)
    for file in report.files:
        kept = manifest.metrics["files"][file.artifact.file]
        assert kept["valid"]["accuracy"] == round(file.valid.accuracy, 6)
        assert kept["valid"]["pictures"] == 400
        assert kept["test"]["pictures"] == 160
        assert kept["parity"]["agreement"] == round(file.parity.agreement, 6)


def test_the_kept_keras_file_is_folded_and_converts_to_the_same_files(
    done: tuple[Job, Report], tmp_path: Path
) -> None:
    job, _ = done
    first = manifests.read(job.out)
    again = Job(job.out / "model.keras", job.data, tmp_path / "again", job.targets, job.precisions)

    assert convert(again, silent).complaints == []

    second = manifests.read(again.out)
    assert second.model_id == "tiny@2.0.0"
    assert second.source == first.source
    assert second.temperature == first.temperature
    assert second.training["plan"] == {"model": "tiny", "epochs": 10}
    assert second.training["keras_file_sha256"] == manifests.sha256(job.model)
    assert [file.sha256 for file in second.files] == [file.sha256 for file in first.files]


def test_a_keras_file_that_is_not_the_manifests_own_is_refused(
    done: tuple[Job, Report], fresh: Job, tmp_path: Path
) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(done[0].out, folder)
    shutil.copyfile(fresh.model, folder / "model.keras")

    with pytest.raises(ModelError, match=r"model\.keras: SHA-256"):
        convert(Job(folder / "model.keras", fresh.data, fresh.out, fresh.targets), silent)


def test_a_model_without_a_manifest_needs_a_name_and_a_version(fresh: Job) -> None:
    with pytest.raises(ModelError, match="give --name and --version"):
        convert(replace(fresh, version=None), silent)

    assert not fresh.out.exists()


class NotHere:
    """A target that this machine lacks something for, or a library that is not installed."""

    name = "elsewhere"

    def __init__(self, package: str | None = None) -> None:
        self.package = package

    def convert(self, task: Task, folder: Path) -> Sequence[Artifact | Skipped]:
        if self.package is not None:
            raise ModuleNotFoundError(f"No module named '{self.package}'", name=self.package)
        return [Skipped("elsewhere int8", "needs a machine of its own")]

    def open(self, manifest: Manifest, folder: Path, precision: Precision) -> EmotionRuntime:
        raise AssertionError("nothing was made")


def test_what_cannot_be_made_here_is_skipped_with_the_reason(fresh: Job) -> None:
    targets: list[Target] = [NotHere(), NotHere("caffe"), TfliteTarget()]

    report = convert(replace(fresh, targets=targets), silent)

    assert report.complaints == []
    assert "elsewhere int8" in report.text()
    assert "skipped: needs a machine of its own" in report.text()
    assert "skipped: needs caffe: pip install 'emotion-agent[convert]'" in report.text()
    assert {file.runtime for file in manifests.read(fresh.out).files} == {"tflite"}


def test_nothing_made_is_nothing_published(fresh: Job) -> None:
    report = convert(replace(fresh, targets=[NotHere()]), silent)

    assert report.complaints == ["no file could be made here"]
    assert not fresh.out.exists()


def test_the_published_files_run_in_the_agent_as_they_were_measured(
    done: tuple[Job, Report], data: FerPlus
) -> None:
    job, report = done
    runtime = TfliteRuntime(manifests.read(job.out), job.out, "int8")

    given = runtime.predict(data["test"].images).argmax(axis=1)

    measured = next(f for f in report.files if f.artifact.precision == "int8").test
    assert measured is not None
    right = (given == data["test"].votes.argmax(axis=1)).mean()
    assert measured.accuracy == pytest.approx(right)


def test_the_table_has_a_line_for_each_file(done: tuple[Job, Report]) -> None:
    text = done[1].text()

    for file in done[1].files:
        line = next(row for row in text.splitlines() if row.startswith(file.artifact.file))
        assert f"{file.bytes:,}" in line
        assert f"{100 * file.valid.accuracy:.2f} %" in line


def test_a_second_version_replaces_the_first_and_keeps_its_crops(
    done: tuple[Job, Report], fresh: Job
) -> None:
    crops = {"blazeface": Crop(margin=0.3, drop=0.05)}
    first = manifests.read(done[0].out).model_copy(update={"crops": crops, "version": "1.0.0"})
    fresh.out.mkdir(parents=True)
    manifests.write(first, fresh.out)
    (fresh.out / "model-int8.tflite").write_bytes(b"the first one")

    convert(fresh, silent)

    second = manifests.read(fresh.out)
    assert second.version == "2.0.0"
    assert second.crops == crops
    assert manifests.checked_file(second, fresh.out, "tflite", "int8").stat().st_size > 1000


def test_a_model_that_has_learned_nothing_is_refused(
    fresh: Job, untrained: Callable[[], Any], tmp_path: Path
) -> None:
    model = untrained()
    last = model.get_layer("logits")
    last.set_weights([last.get_weights()[0] * 1e-3, last.get_weights()[1]])
    model.save(tmp_path / "blank.keras")

    with pytest.raises(ModelError, match="has not learned"):
        convert(replace(fresh, model=tmp_path / "blank.keras"), silent)

    assert not fresh.out.exists()
