"""Training proper, with a very small network on drawn faces."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.backend import load_keras
from training.errors import TrainingError
from training.ferplus import load_arrays
from training.history import HISTORY_COLUMNS, read_history
from training.plan import PAPER, Plan

keras = load_keras()

from training.networks import build  # noqa: E402  # Keras is loaded quietly first
from training.train import train  # noqa: E402

PLAN = Plan(model="tiny", epochs=3, batch=32, peak_rate=0.05, precision="float32", average=0.9)

# Trains with the network of the `tiny_network` fixture and dies while it keeps the second epoch:
# history.csv has the epoch already, checkpoint.npz has not.
KILLED = """
import os, signal, sys
from pathlib import Path
from training.backend import load_keras
keras = load_keras()
from training import networks, train
from training.ferplus import load_arrays
from training.plan import Plan

def tiny(width):
    layers = keras.layers
    image = keras.Input((48, 48, 1), name="image")
    x = layers.Conv2D(4, 5, 4, use_bias=False)(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(8, dtype="float32")(x))

def save_or_die(run):
    if run.epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    save(run)

networks.NETWORKS["tiny"] = tiny
save, train._save_checkpoint = train._save_checkpoint, save_or_die
data, folder = map(Path, sys.argv[1:])
train.train(load_arrays(data), Plan(model="tiny", epochs=3, batch=32, peak_rate=0.05,
    precision="float32", average=0.9), folder)
"""


def weights(model: Path) -> list[Any]:
    return list(keras.models.load_model(model, compile=False).get_weights())


def numbers(folder: Path) -> list[list[float]]:
    rows = read_history(folder / "history.csv")
    return [[float(row[name]) for name in HISTORY_COLUMNS] for row in rows]


def test_trains_and_leaves_model_history_and_plan(
    prepared: Path, tiny_network: str, tmp_path: Path
) -> None:
    result = train(load_arrays(prepared), PLAN, tmp_path / "run")
    assert result == tmp_path / "run/model.keras"
    assert json.loads((tmp_path / "run/plan.json").read_text()) == PLAN.as_dict()
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "checkpoint.npz",
        "history.csv",
        "model.keras",
        "plan.json",
    ]
    history = numbers(tmp_path / "run")
    assert [row[0] for row in history] == [1, 2, 3]
    assert history[-1][1] == pytest.approx(0)  # the rate ends at nothing
    assert history[-1][2] < history[0][2]  # the loss has fallen
    model = keras.models.load_model(result, compile=False)
    assert model.output_shape == (None, 8)
    assert {w.dtype for w in model.weights} == {"float32"}


def test_a_killed_run_is_taken_up_and_ends_like_an_undisturbed_one(
    prepared: Path, tiny_network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(prepared), str(tmp_path / "killed")],
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert killed.stderr == b""  # TensorFlow keeps its chatter to itself
    assert len(numbers(tmp_path / "killed")) == 2
    assert not (tmp_path / "killed/model.keras").exists()

    data = load_arrays(prepared)
    resumed = train(data, PLAN, tmp_path / "killed")
    assert "taking up" in capsys.readouterr().out
    whole = train(data, PLAN, tmp_path / "whole")
    np.testing.assert_allclose(numbers(tmp_path / "killed"), numbers(tmp_path / "whole"), atol=1e-4)
    for one, other in zip(weights(resumed), weights(whole), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_the_seed_decides_the_weights(prepared: Path, tiny_network: str, tmp_path: Path) -> None:
    data, plan = load_arrays(prepared), replace(PLAN, epochs=1)
    first, again, other = (
        weights(train(data, replace(plan, seed=seed), tmp_path / name))
        for seed, name in ((0, "a"), (0, "b"), (1, "c"))
    )
    np.testing.assert_allclose(first[0], again[0], atol=1e-5)
    assert not np.allclose(first[0], other[0], atol=1e-3)


def test_a_finished_run_is_not_trained_again(
    prepared: Path, tiny_network: str, tmp_path: Path
) -> None:
    data, plan = load_arrays(prepared), replace(PLAN, epochs=1)
    before = weights(train(data, plan, tmp_path))
    history = (tmp_path / "history.csv").read_bytes()
    after = weights(train(data, plan, tmp_path))
    assert (tmp_path / "history.csv").read_bytes() == history
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_with_another_plan_is_refused_unless_fresh(
    prepared: Path, tiny_network: str, tmp_path: Path
) -> None:
    data = load_arrays(prepared)
    train(data, replace(PLAN, epochs=2), tmp_path)
    other = replace(PLAN, epochs=1, seed=9)
    with pytest.raises(TrainingError, match=r"other settings \(epochs, seed\); choose another"):
        train(data, other, tmp_path)
    assert len(numbers(tmp_path)) == 2
    train(data, other, tmp_path, fresh=True)
    assert len(numbers(tmp_path)) == 1


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"text"])
def test_a_damaged_checkpoint_is_refused(
    prepared: Path, tiny_network: str, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(PLAN.as_dict()))
    (tmp_path / "checkpoint.npz").write_bytes(content)
    with pytest.raises(TrainingError, match=r"checkpoint\.npz: not a checkpoint of this network"):
        train(load_arrays(prepared), PLAN, tmp_path)


@pytest.mark.parametrize("mode", ["majority", "probability", "multi_target"])
def test_every_target_mode_trains(
    prepared: Path, tiny_network: str, tmp_path: Path, mode: Any
) -> None:
    train(load_arrays(prepared), replace(PLAN, epochs=1, targets=mode, limit=32), tmp_path)
    assert np.isfinite(numbers(tmp_path)).all()


def test_mixed_precision_gives_a_float32_model(
    prepared: Path, tiny_network: str, tmp_path: Path
) -> None:
    plan = replace(PLAN, epochs=1, limit=32, precision="mixed_bfloat16")
    model = keras.models.load_model(train(load_arrays(prepared), plan, tmp_path), compile=False)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_data_without_a_part_is_refused(prepared: Path, tmp_path: Path) -> None:
    data = load_arrays(prepared)
    del data["valid"]
    with pytest.raises(TrainingError, match="the data has no valid part"):
        train(data, PLAN, tmp_path)


def test_data_whose_votes_never_agree_is_refused(
    prepared: Path, tiny_network: str, tmp_path: Path
) -> None:
    data = load_arrays(prepared)
    data["valid"].votes[:] = 1
    with pytest.raises(TrainingError, match="no picture of the train or the valid part passes"):
        train(data, PLAN, tmp_path)


def test_an_unknown_network_is_refused(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="unknown model 'nonsense'; the models are fer-compact"):
        train(load_arrays(prepared), replace(PLAN, model="nonsense"), tmp_path)


def test_the_shipped_network_takes_48_pixels_and_gives_eight_logits() -> None:
    model = build("fer-compact")
    assert model.input_shape == (None, 48, 48, 1)
    assert model.output_shape == (None, 8)
    assert model.layers[-1].activation is keras.activations.linear
    assert 0.85e6 < model.count_params() < 0.95e6
    kinds = {type(layer).__name__ for layer in model.layers}
    assert "DepthwiseConv2D" not in kinds
    keras.utils.clear_session()


def test_the_tiny_network_has_a_fifth_of_the_parameters() -> None:
    model = build("fer-tiny")
    assert model.name == "fer-tiny"
    assert model.input_shape == (None, 48, 48, 1)
    assert model.count_params() < 0.2e6
    keras.utils.clear_session()


def test_width_scales_every_convolution_in_steps_of_eight() -> None:
    whole, half = build("fer-compact"), build("fer-compact", 0.5)
    assert 0.2 < half.count_params() / whole.count_params() < 0.3
    filters = {w.filters for w in half.layers if isinstance(w, keras.layers.Conv2D)}
    assert filters == {16, 48, 64}
    keras.utils.clear_session()


def test_the_papers_network_is_as_published() -> None:
    model = build("vgg13")
    assert model.input_shape == (None, 64, 64, 1)
    assert model.output_shape == (None, 8)
    assert model.count_params() == 8_757_704
    dropout = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert dropout == [0.25, 0.25, 0.25, 0.25, 0.5, 0.5]
    convolutions = [w.filters for w in model.layers if isinstance(w, keras.layers.Conv2D)]
    assert convolutions == [64, 64, 128, 128, 256, 256, 256, 256, 256, 256]
    keras.utils.clear_session()


def test_the_papers_recipe_trains_and_is_taken_up(prepared: Path, tmp_path: Path) -> None:
    """One epoch of 16 pictures each time: that it learns takes a GPU or a day."""
    data = load_arrays(prepared)
    plan = replace(PAPER, epochs=1, batch=8, limit=16)
    model = keras.models.load_model(train(data, plan, tmp_path), compile=False)
    assert model.input_shape == (None, 64, 64, 1)
    before = numbers(tmp_path)
    train(data, plan, tmp_path)
    assert numbers(tmp_path) == before
    assert np.isfinite(before).all()
    keras.utils.clear_session()


@pytest.mark.parametrize(
    "content", ["epoch,rate\n1,0.1\n", "epoch,rate,loss,valid_loss,valid_accuracy\n1,0.1,x,1,1\n"]
)
def test_a_damaged_history_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(content)
    with pytest.raises(TrainingError, match=r"history\.csv: not a training history"):
        read_history(path)


def test_a_history_not_begun_has_no_lines(tmp_path: Path) -> None:
    assert read_history(tmp_path / "history.csv") == []


def test_a_second_cycle_begins_with_the_weights_of_the_first_and_tells_its_plan(
    prepared: Path, tiny_network: str, tmp_path: Path
) -> None:
    data = load_arrays(prepared)
    first = train(data, PLAN, tmp_path / "first")
    still = replace(PLAN, epochs=1, peak_rate=1e-12, weight_decay=0.0, start_from=str(first))
    second = train(data, still, tmp_path / "second")
    # A rate of nothing leaves what is learnt; the batch normalisation's statistics move on.
    learnt, kept = (keras.models.load_model(p, compile=False) for p in (first, second))
    for one, other in zip(learnt.trainable_weights, kept.trainable_weights, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), atol=1e-6)
    assert json.loads((tmp_path / "second/plan.json").read_text())["before"] == PLAN.as_dict()


def test_a_start_that_cannot_be_used_is_named(
    prepared: Path, tiny_network: str, tmp_path: Path
) -> None:
    data = load_arrays(prepared)
    missing = replace(PLAN, start_from=str(tmp_path / "none.keras"))
    with pytest.raises(TrainingError, match=r"none\.keras: no such file"):
        train(data, missing, tmp_path / "run")
    other = tmp_path / "other.keras"
    image = keras.Input((48, 48, 1))
    keras.Model(image, keras.layers.Dense(8)(keras.layers.Flatten()(image))).save(other)
    with pytest.raises(TrainingError, match=r"other\.keras: cannot start from it"):
        train(data, replace(PLAN, start_from=str(other)), tmp_path / "run")
    damaged = bytearray(other.read_bytes())
    damaged[len(damaged) // 2] ^= 1  # in the weights, whose checksum then tells
    other.write_bytes(damaged)
    with pytest.raises(TrainingError, match=r"other\.keras: not a Keras model \(Bad CRC-32"):
        train(data, replace(PLAN, start_from=str(other)), tmp_path / "run")
