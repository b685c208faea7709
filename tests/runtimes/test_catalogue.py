from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from agent.emotion.manifest import Manifest
from agent.errors import ModelError
from agent.runtimes.catalogue import MODELS_VARIABLE, find_model, installed_models


def test_a_name_is_found_in_the_folder_that_the_environment_names(models: Path) -> None:
    assert find_model("tiny", {MODELS_VARIABLE: str(models)}) == models / "tiny"


def test_installed_models_come_with_their_manifests(
    models: Path, tiny: tuple[Path, Manifest]
) -> None:
    found = {m.manifest.name: m for m in installed_models({MODELS_VARIABLE: str(models)})}

    assert found["tiny"] == (models / "tiny", tiny[1])


def test_an_unknown_name_is_answered_with_the_known_ones(models: Path) -> None:
    with pytest.raises(ModelError, match=r"unknown model 'teeny'; known are .*\btiny\b"):
        find_model("teeny", {MODELS_VARIABLE: str(models)})


def test_a_path_is_taken_as_it_is(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(models)

    assert find_model("./tiny", {}) == Path("tiny")
    assert find_model(str(models / "tiny"), {}) == models / "tiny"
    with pytest.raises(ModelError, match="unknown model 'tiny'"):
        find_model("tiny", {})


def test_a_folder_without_a_manifest_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is no model: it has no manifest\.json"):
        find_model(str(tmp_path), {})


def test_a_damaged_model_is_logged_and_left_out(
    models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(models / "tiny", tmp_path / "tiny")
    shutil.copytree(models / "tiny", tmp_path / "cut-off")
    (tmp_path / "cut-off" / "manifest.json").write_text('{"name": "cut')

    with caplog.at_level(logging.WARNING):
        found = installed_models({MODELS_VARIABLE: str(tmp_path)})

    names = [model.folder.name for model in found]
    assert "tiny" in names
    assert "cut-off" not in names
    assert "cut-off/manifest.json" in caplog.text
