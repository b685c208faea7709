"""The search, with a very small network on drawn faces."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from training.backend import load_keras
from training.errors import TrainingError
from training.ferplus import load_arrays
from training.plan import Plan

load_keras()

import optuna  # noqa: E402  # Keras is loaded quietly first

from training import tuning  # noqa: E402
from training.tuning import tune, write_plots  # noqa: E402

PLAN = Plan(model="tiny", epochs=2, batch=32, limit=32, precision="float32", average=0.9)

# Kills itself when the second trial has finished its first epoch.
KILLED = """
import os, signal, sys
from pathlib import Path
from training.backend import load_keras
keras = load_keras()
from training import networks, train
from training.ferplus import load_arrays
from training.plan import Plan
from training.tuning import tune

def tiny(width):
    layers = keras.layers
    image = keras.Input((48, 48, 1), name="image")
    x = layers.Conv2D(round(4 * width), 5, 4, use_bias=False)(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(8, dtype="float32")(x))

def save_and_die(run):
    save(run)
    if run.folder.name == "trial-1":
        os.kill(os.getpid(), signal.SIGKILL)

networks.NETWORKS["tiny"] = tiny
save, train._save_checkpoint = train._save_checkpoint, save_and_die
data, folder = map(Path, sys.argv[1:])
plan = Plan(model="tiny", epochs=2, batch=32, limit=32, precision="float32", average=0.9)
tune(load_arrays(data), plan, folder, 3)
"""


@pytest.fixture(autouse=True)
def network(tiny_network: str) -> str:
    return tiny_network


def silent(line: str) -> None:
    pass


def trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(
        study_name="tiny", storage=f"sqlite:///{folder / 'study.db'}"
    ).get_trials()


def test_finds_the_best_of_its_trials_and_draws_them(prepared: Path, tmp_path: Path) -> None:
    found = tune(load_arrays(prepared), PLAN, tmp_path, 3, silent)
    assert found.trials == 3
    assert found.accuracy == max(t.value or 0 for t in trials(tmp_path))
    assert (found.folder / "model.keras").exists()
    assert found.plan.peak_rate != PLAN.peak_rate
    assert replace(found.plan, epochs=9) != PLAN
    assert f"--rate {found.plan.peak_rate:.4g}" in found.text()
    drawn = write_plots(tmp_path)
    assert [path.name for path in drawn] == ["history.png", "settings.png", "epochs.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)


def test_a_search_goes_on_where_it_was(prepared: Path, tmp_path: Path) -> None:
    data = load_arrays(prepared)
    tune(data, PLAN, tmp_path, 1, silent)
    first = trials(tmp_path)[0].params
    found = tune(data, PLAN, tmp_path, 2, silent)
    assert found.trials == 2
    assert trials(tmp_path)[0].params == first
    assert tune(data, PLAN, tmp_path, 2, silent).accuracy == found.accuracy


def test_a_killed_trial_is_taken_up_in_its_epoch(prepared: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(prepared), str(tmp_path)]
    killed = subprocess.run(command, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    began = trials(tmp_path)[1]
    assert began.state is optuna.trial.TrialState.RUNNING

    tune(load_arrays(prepared), PLAN, tmp_path, 3, silent)
    _, dead, again, _ = trials(tmp_path)
    assert dead.state is optuna.trial.TrialState.FAIL
    assert again.params == began.params
    assert again.user_attrs["folder"] == "trial-1"
    assert list(again.intermediate_values) == [2]  # the first epoch was not trained again


def test_a_trial_that_falls_behind_is_given_up(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optuna.trial.Trial, "should_prune", lambda trial: trial.number == 1)
    found = tune(load_arrays(prepared), PLAN, tmp_path, 2, silent)
    assert (found.trials, found.pruned) == (2, 1)
    assert (tmp_path / "trial-0").exists()
    assert not (tmp_path / "trial-1").exists()


def test_a_rate_that_is_too_high_ends_only_its_trial(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tuning.suggest

    def wild(trial: optuna.trial.Trial, plan: Plan) -> Plan:
        changed = usual(trial, plan)
        return replace(changed, peak_rate=1e30) if trial.number == 0 else changed

    monkeypatch.setattr(tuning, "suggest", wild)
    found = tune(load_arrays(prepared), replace(PLAN, limit=None), tmp_path, 2, silent)
    assert (found.trials, found.pruned) == (2, 1)


def test_a_search_of_other_settings_is_refused(prepared: Path, tmp_path: Path) -> None:
    data = load_arrays(prepared)
    tune(data, PLAN, tmp_path, 1, silent)
    with pytest.raises(TrainingError, match=r"other settings \(epochs\); choose another --out"):
        tune(data, replace(PLAN, epochs=3), tmp_path, 1, silent)
