from __future__ import annotations

import logging
import shutil
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion import manifest as manifests
from agent.emotion.manifest import Manifest, Precision
from agent.errors import ModelError
from agent.runtimes.catalogue import MODELS_VARIABLE
from agent.runtimes.opening import ENGINES, open_runtime
from agent.runtimes.tflite import TfliteRuntime
from agent.settings import RuntimeSettings

Model = tuple[Path, Manifest]


@pytest.mark.parametrize("kind", ["auto", "tflite", "openvino", "onnx"])
def test_a_named_model_opens_and_the_log_says_what_runs_it(
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(models))

    with caplog.at_level(logging.INFO):
        opened = open_runtime(RuntimeSettings.model_validate({"model": "tiny", "kind": kind}))

    engine = "tflite" if kind == "auto" else kind
    assert opened.runtime.kind == engine
    assert opened.manifest.model_id == opened.runtime.model == "tiny@1.2.3"
    assert f"tiny@1.2.3, int8, runs on {engine}" in caplog.text
    assert ("auto" in caplog.text) == (kind == "auto")


def test_the_precision_of_the_settings_is_opened(tiny: Model, faces: npt.NDArray[np.uint8]) -> None:
    folder, manifest = tiny
    settings = RuntimeSettings(model=str(folder), precision="float32", threads=2)

    given = open_runtime(settings).runtime.predict(faces)

    expected = TfliteRuntime(manifest, folder, "float32", threads=2).predict(faces)
    np.testing.assert_array_equal(given, expected)


@pytest.mark.parametrize("damage", ["manifest", "file gone", "file changed"])
def test_a_damaged_model_is_one_line_that_names_the_file(
    tiny: Model, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny[0], folder)
    file = folder / ("manifest.json" if damage == "manifest" else "model-int8.tflite")
    if damage == "file gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:200])

    with pytest.raises(ModelError) as refused:
        open_runtime(RuntimeSettings(model=str(folder), kind="tflite"))

    assert f"{file}: " in str(refused.value)
    assert "\n" not in str(refused.value)


def test_auto_passes_by_engines_without_a_file_and_says_so(
    tiny: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = only(tiny, tmp_path, "onnx")

    with caplog.at_level(logging.INFO):
        opened = open_runtime(RuntimeSettings(model=str(folder)))

    assert opened.runtime.kind == "onnx"
    assert "tflite has no int8 file; openvino has no int8 file" in caplog.text


def test_auto_passes_by_an_engine_that_is_not_installed(
    tiny: Model, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"):
        monkeypatch.setitem(sys.modules, name, None)

    with caplog.at_level(logging.INFO):
        opened = open_runtime(RuntimeSettings(model=str(tiny[0])))

    assert opened.runtime.kind == "openvino"
    assert "tflite does not load: no TFLite interpreter can be loaded" in caplog.text


def test_a_model_that_no_engine_can_run_says_why_for_each(tiny: Model, tmp_path: Path) -> None:
    folder = only(tiny, tmp_path, "tflite")
    (folder / "model-int8.tflite").unlink()

    with pytest.raises(ModelError) as refused:
        open_runtime(RuntimeSettings(model=str(folder)))

    assert f"{folder}: no engine can run this model: " in str(refused.value)
    assert "; tflite does not load: " in str(refused.value)
    assert "onnx has no int8 file" in str(refused.value)


@pytest.mark.parametrize(("kind", "package"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_an_engine_that_is_not_installed_says_what_to_install(
    tiny: Model, monkeypatch: pytest.MonkeyPatch, kind: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    settings = RuntimeSettings.model_validate({"model": str(tiny[0]), "kind": kind})

    with pytest.raises(ModelError, match=rf"pip install 'emotion-agent\[{kind}\]'"):
        open_runtime(settings)


def only(tiny: Model, place: Path, runtime: str) -> Path:
    """A copy of the model with the files of one engine."""
    folder = place / "tiny"
    shutil.copytree(tiny[0], folder)
    files = [file for file in tiny[1].files if file.runtime == runtime]
    manifests.write(tiny[1].model_copy(update={"files": files}), folder)
    return folder


def test_settings_and_manifests_know_the_same_precisions() -> None:
    known = get_args(RuntimeSettings.model_fields["precision"].annotation)

    assert known == get_args(Precision)


def test_a_model_server_that_is_not_there_is_told_and_the_model_here_reads(
    tiny: Model, faces: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    address = f"unix:{tmp_path}/gone.sock"
    told: list[str] = []
    settings = RuntimeSettings.model_validate(
        {"model": str(tiny[0]), "kind": "mms", "mms": {"endpoints": address}}
    )

    runtime = open_runtime(settings, told.append).runtime

    np.testing.assert_array_equal(
        runtime.predict(faces), TfliteRuntime(tiny[1], tiny[0]).predict(faces)
    )
    runtime.close()
    assert told == [f"{address}: no such file or directory; the local model reads"]


def test_every_kind_of_the_settings_has_an_engine() -> None:
    kinds = get_args(RuntimeSettings.model_fields["kind"].annotation)

    assert set(kinds) == {"auto", "mms", *ENGINES}
