from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from agent.emotion import manifest as manifests
from converters.cli import main
from converters.conversion import Job
from converters.targets import TARGETS
from converters.targets.target import Artifact, Task
from converters.targets.tflite import TfliteTarget


def arguments(job: Job, **changed: object) -> list[str]:
    """The command line of a job."""
    options = {
        "to": "tflite:int8,tflite:float32",
        "data": job.data,
        "out": job.out,
        "name": job.name,
        "version": job.version,
    } | changed
    model = options.pop("model", job.model)
    return [str(model), *(text for k, v in options.items() for text in (f"--{k}", str(v)))]


def refusal(capfd: pytest.CaptureFixture[str]) -> str:
    """The last line on standard error, which is the only one from the error on."""
    lines = capfd.readouterr().err.splitlines()
    assert sum(line.startswith("emotion-convert: error: ") for line in lines) == 1
    assert lines[-1].startswith("emotion-convert: error: ")
    assert not any("Traceback" in line for line in lines)
    return lines[-1].removeprefix("emotion-convert: error: ")


def test_a_conversion_prints_a_table_and_where_it_wrote(
    fresh: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    crops = tmp_path / "crops.toml"
    crops.write_text("[blazeface]\nmargin = 0.3\ndrop = 0.05\n")

    places = {"json": tmp_path / "report" / "c.json", "html": tmp_path / "report" / "c.html"}
    assert main(arguments(fresh, crops=crops, **places)) == 0

    printed = capfd.readouterr()
    assert "model-int8.tflite" in printed.out
    assert printed.out.endswith(f"written to {fresh.out}\n")
    assert printed.err.splitlines() == [
        f"reading {fresh.data}",
        "asking the Keras model about 400 validation pictures",
        "converting to tflite",
        "comparing model-int8.tflite with the Keras model (1 of 2)",
        "comparing model-float32.tflite with the Keras model (2 of 2)",
        "timing all engines side by side",
    ]
    assert manifests.read(fresh.out).crop_for("blazeface").drop == 0.05
    told = json.loads(places["json"].read_text())
    assert [file["file"] for file in told["files"]] == ["model-int8.tflite", "model-float32.tflite"]
    assert told["files"][1]["parity"]["agreement"] == 1
    assert told["complaints"] == told["skipped"] == []
    page = places["html"].read_text()
    for cell in ("model-int8.tflite", "100.00 %", "Every file is within its limits"):
        assert cell in page
    assert "http" not in page  # it needs nothing beside it


def test_an_archive_is_packed_of_what_was_converted(
    fresh: Job, demo_file: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    demo_file("single_face.mp4")  # the detector's weights are fetched along with it
    assert main(arguments(fresh, to="tflite:int8,mar")) == 0

    archive = fresh.out / f"{fresh.name}.mar"
    assert f"written to {archive}, " in capfd.readouterr().out
    with ZipFile(archive) as packed:
        assert (
            packed.read("model/model-int8.tflite") == (fresh.out / "model-int8.tflite").read_bytes()
        )


def test_an_archive_needs_the_file_that_its_handler_runs(
    fresh: Job, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(fresh, to="tflite:float32,mar")) == 1
    assert "no tflite int8 file" in refusal(capfd)


def test_a_file_over_the_limits_ends_with_one_and_writes_nothing(
    fresh: Job, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Noise(TfliteTarget):
        def convert(self, task: Task, folder: Path) -> list[Artifact]:
            rng = np.random.default_rng(0)
            for layer in task.model.layers:
                layer.set_weights([w + rng.normal(0, 1, w.shape) for w in layer.get_weights()])
            return super().convert(task, folder)

    monkeypatch.setitem(TARGETS, "tflite", Noise())

    page = fresh.out.parent / "report.html"

    assert main(arguments(fresh, html=page)) == 1

    assert "Nothing was published: model-int8.tflite: agreement" in page.read_text()
    assert '<tr class="over"><td class="text">model-int8.tflite</td>' in page.read_text()
    assert f"nothing was written to {fresh.out}: model-int8.tflite: agreement" in refusal(capfd)
    assert not fresh.out.exists()


def test_missing_files_are_named(
    fresh: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"

    for name in ("model", "data", "crops"):
        assert main(arguments(fresh, **{name: gone})) == 1
        assert refusal(capfd).startswith(f"{gone}: ")


def test_a_folder_without_data_says_what_it_should_hold(
    fresh: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(fresh, data=tmp_path)) == 1

    told = refusal(capfd)
    assert told.startswith(f"{tmp_path}: holds neither ferplus.npz")
    assert "fer2013new.csv" in told


@pytest.mark.parametrize("kind", ["text", "no zip", "cut off", "not arrays"])
def test_files_of_another_kind_are_named(
    fresh: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    whole = fresh.model.read_bytes()
    path = tmp_path / ("model.txt" if kind == "text" else "model.keras")
    path.write_bytes(whole[: len(whole) // 2] if kind == "cut off" else b"hello\n")
    changed = {"data": path} if kind == "not arrays" else {"model": path}

    assert main(arguments(fresh, **changed)) == 1
    assert refusal(capfd).startswith(f"{path}: not a ")


def test_a_layer_that_cannot_be_converted_is_named(
    fresh: Job, keras: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    image = keras.Input((48, 48, 1))
    x = keras.layers.Activation("hard_swish", name="swish")(keras.layers.Conv2D(4, 3)(image))
    x = keras.layers.GlobalAveragePooling2D()(x)
    keras.Model(image, keras.layers.Dense(8)(x)).save(tmp_path / "swish.keras")

    assert main(arguments(fresh, model=tmp_path / "swish.keras")) == 1
    assert "layer 'swish' (Activation) cannot be converted" in refusal(capfd)


def test_a_model_of_other_shapes_is_told_what_is_expected(
    fresh: Job, keras: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    image = keras.Input((48, 48, 3))
    x = keras.layers.GlobalAveragePooling2D()(image)
    keras.Model(image, keras.layers.Dense(7)(x)).save(tmp_path / "colour.keras")

    assert main(arguments(fresh, model=tmp_path / "colour.keras")) == 1
    assert "48 x 48 x 3, 7; expected side x side x 1 and 8 logits" in refusal(capfd)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[blazeface\n", "not valid TOML"),
        ("[blazeface]\nmargin = 9\n", "blazeface.margin: Input should be less than"),
        ("[blazeface]\nmargin = 0.1\ndorp = 0\n", "blazeface.dorp: Extra inputs"),
        ("blazeface = 0.1\n", "blazeface: "),
    ],
)
def test_a_wrong_crops_file_is_told_where(
    fresh: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    crops = tmp_path / "crops.toml"
    crops.write_text(text)

    assert main(arguments(fresh, crops=crops)) == 1
    assert f"{crops}: {told}" in refusal(capfd)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"to": "tflite,caffe"}, "unknown target 'caffe'; the targets are all, tflite"),
        ({"to": "tflite:int4"}, "unknown precision 'int4'; the precisions are int8, "),
        ({"name": "Fer Compact"}, "small letters, digits and hyphens"),
    ],
)
def test_wrong_usage_ends_with_two(
    fresh: Job, capfd: pytest.CaptureFixture[str], change: dict[str, str], told: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments(fresh, **change))

    assert ended.value.code == 2
    assert told in capfd.readouterr().err


def test_ctrl_c_ends_with_130_and_writes_nothing(
    fresh: Job, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Stopped(TfliteTarget):
        def convert(self, task: Task, folder: Path) -> list[Artifact]:
            raise KeyboardInterrupt

    monkeypatch.setitem(TARGETS, "tflite", Stopped())

    assert main(arguments(fresh)) == 130

    assert capfd.readouterr().err.splitlines()[-1] == (
        "emotion-convert: interrupted; nothing was written"
    )
    assert list(fresh.out.parent.iterdir()) == []
