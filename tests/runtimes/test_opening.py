from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion.manifest import Manifest
from agent.errors import ModelError
from agent.runtimes.catalogue import MODELS_VARIABLE
from agent.runtimes.opening import ENGINES, open_runtime
from agent.runtimes.tflite import TfliteRuntime
from agent.settings import RuntimeSettings

Model = tuple[Path, Manifest]


@pytest.mark.parametrize("kind", ["auto", "tflite"])
def test_a_named_model_opens_and_the_log_says_what_runs_it(
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(models))

    with caplog.at_level(logging.INFO):
        opened = open_runtime(RuntimeSettings.model_validate({"model": "tiny", "kind": kind}))

    assert isinstance(opened.runtime, TfliteRuntime)
    assert opened.manifest.model_id == opened.runtime.model == "tiny@1.2.3"
    assert "tiny@1.2.3, int8, runs on tflite" in caplog.text
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
        open_runtime(RuntimeSettings(model=str(folder)))

    assert str(refused.value).startswith(f"{file}: ")
    assert "\n" not in str(refused.value)


def test_every_kind_of_the_settings_has_an_engine() -> None:
    kinds = get_args(RuntimeSettings.model_fields["kind"].annotation)

    assert set(kinds) == {"auto", *ENGINES}
