"""The models that the project ships: their files, their claims, and the claims measured again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.emotion import manifest as manifests
from agent.runtimes.opening import open_runtime
from agent.settings import RuntimeSettings
from training.candidate import open_candidate
from training.evaluate import evaluate
from training.ferplus import FerPlus


@pytest.fixture(scope="module")
def folder(project: Path) -> Path:
    return project / "models" / "fer-compact"


LEAST = {"fer-compact": 0.885, "fer-tiny": 0.87}
"""Accuracy of each as int8."""


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_loads_and_answers_as_the_default_model(precision: manifests.Precision) -> None:
    opened = open_runtime(RuntimeSettings(precision=precision))
    noise = np.random.default_rng(0).integers(0, 256, (3, 48, 48), np.uint8)
    assert opened.runtime.predict(noise).sum(axis=1) == pytest.approx(np.ones(3))
    assert opened.runtime.model == opened.manifest.model_id
    opened.runtime.close()


def test_is_small_and_has_a_crop_for_every_detector(folder: Path) -> None:
    manifest = manifests.read(folder)
    assert manifests.checked_file(manifest, folder, "tflite", "int8").stat().st_size < 1_000_000
    assert {"blazeface", "yunet", "haar"} <= manifest.crops.keys()


@pytest.mark.parametrize("model", LEAST)
def test_claims_what_the_project_asks_of_it(project: Path, model: str) -> None:
    claimed = manifests.read(project / "models" / model).metrics["files"]
    int8, float32 = (claimed[f"model-{p}.tflite"]["valid"] for p in ("int8", "float32"))
    assert int8["pictures"] == 3199
    assert int8["accuracy"] >= LEAST[model]
    assert abs(int8["accuracy"] - float32["accuracy"]) <= 0.003


def test_the_tiny_one_is_opened_by_its_name() -> None:
    opened = open_runtime(RuntimeSettings(model="fer-tiny"))
    assert opened.runtime.model == "fer-tiny@1.1.0"
    assert opened.runtime.predict(np.zeros((2, 48, 48), np.uint8)).shape == (2, 8)
    opened.runtime.close()


@pytest.mark.parametrize("model", LEAST)
def test_reads_the_real_validation_pictures_as_it_claims(
    project: Path, model: str, real_data: FerPlus
) -> None:
    folder = project / "models" / model
    claimed = manifests.read(folder).metrics["files"]["model-int8.tflite"]["valid"]
    found = evaluate(open_candidate(folder, "int8"), real_data, "valid").as_dict()
    # Another processor's kernels may round a handful of pictures the other way.
    assert found["accuracy"] == pytest.approx(claimed["accuracy"], abs=0.003)
    assert found["pictures"] == claimed["pictures"]
