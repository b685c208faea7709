"""Training on several devices, hosts and other backends, in processes of their own.

TensorFlow fixes its devices when it is first used, and Keras its backend when it is imported.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ports import free_ports
from training.backend import load_keras
from training.cli import main
from training.errors import TrainingError
from training.ferplus import load_arrays
from training.history import HISTORY_COLUMNS, read_history
from training.plan import Plan

keras = load_keras()

from training.devices import OneDevice  # noqa: E402  # Keras is loaded quietly first
from training.engine import Engine  # noqa: E402
from training.networks import NETWORKS  # noqa: E402
from training.replicas import open_devices  # noqa: E402
from training.train import train  # noqa: E402

# `emotion-train` with a network that draws nothing at random, so that only rounding differs, and
# whose batch normalisation one device computes in one kernel.
# Before it trains, each process says whether all have the same process number (they have not).
COMMAND = """
import os, sys
from training.backend import load_keras
keras = load_keras()
from training import cli, errors, networks, train

def steady(width):
    layers = keras.layers
    image = keras.Input((48, 48, 1), name="image")
    x = layers.Conv2D(16, 5, 4, use_bias=False)(image)
    x = layers.Flatten()(layers.ReLU()(layers.BatchNormalization()(x)))
    return keras.Model(image, layers.Dense(8, dtype="float32")(x))

def compared(*given):
    devices = given[-1]
    try:
        devices.require_same(os.getpid(), "number")
    except errors.TrainingError as refusal:
        print(refusal)
    return whole(*given)

networks.NETWORKS["steady"] = steady
whole, train.train = train.train, compared
status = cli.main()
if keras.backend.backend() != "tensorflow" and sys.modules.get("tensorflow"):
    sys.exit("TensorFlow was loaded, too")
sys.exit(status)
"""
PLAN = ["--model", "steady", "--epochs", "3", "--batch", "32", "--rate", "0.05"]
PLAN += ["--precision", "float32", "--average", "0.9"]
ALONE = Plan("steady", epochs=3, batch=32, peak_rate=0.05, precision="float32", average=0.9)
LIMIT = 900  # seconds until something that hangs is given up: a start takes ten on a slow machine


def steady(width: float) -> Any:
    """The network of `COMMAND`."""
    layers = keras.layers
    image = keras.Input((48, 48, 1), name="image")
    x = layers.Conv2D(16, 5, 4, use_bias=False)(image)
    x = layers.Flatten()(layers.ReLU()(layers.BatchNormalization()(x)))
    return keras.Model(image, layers.Dense(8, dtype="float32")(x))


def started(
    data: Path, out: Path, *more: str, backend: str = "tensorflow"
) -> subprocess.Popen[str]:
    arguments = ["train", "--data", str(data), "--out", str(out), *PLAN, *more]
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"KERAS_BACKEND": backend},
    )


def ended(*processes: subprocess.Popen[str]) -> list[tuple[int, str]]:
    """Exit status and output of each; none is left behind."""
    try:
        said = [process.communicate(timeout=LIMIT)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, text) for process, text in zip(processes, said, strict=True)]


def workers(count: int) -> list[str]:
    """The flags that make each of so many processes a worker on a free port."""
    names = ",".join(f"127.0.0.1:{port}" for port in free_ports(count))
    return [f"--workers={names}"]


def numbers(folder: Path) -> list[list[float]]:
    rows = read_history(folder / "history.csv")
    return [[float(row[name]) for name in HISTORY_COLUMNS] for row in rows]


class StoppedError(Exception):
    """What ends a run after its first epoch."""


def stop(epoch: int, _: float) -> None:
    if epoch == 1:
        raise StoppedError


@pytest.fixture(scope="module")
def alone(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on one device."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "steady", steady)
        data = load_arrays(prepared)
        with suppress(StoppedError):
            train(data, ALONE, folder.with_name("begun"), after_epoch=stop)
        train(data, ALONE, folder)
    keras.utils.clear_session()
    return folder


@pytest.fixture
def begun(alone: Path, tmp_path: Path) -> Path:
    """The same run on one device, stopped after its first epoch."""
    return Path(shutil.copytree(alone.with_name("begun"), tmp_path / "run"))


def assert_same_result(run: Path, alone: Path) -> None:
    """Within rounding, which batch statistics add up; batches split wrongly differ far more."""
    np.testing.assert_allclose(numbers(run), numbers(alone), atol=2e-3)
    one, other = (keras.models.load_model(f / "model.keras", compile=False) for f in (run, alone))
    assert [w.dtype for w in one.weights] == [w.dtype for w in other.weights]
    for weights, expected in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, atol=2e-3)


def test_two_devices_take_a_run_up_and_end_as_one_does(
    prepared: Path, alone: Path, begun: Path
) -> None:
    ((status, said),) = ended(started(prepared, begun, "--devices", "cpu:2"))
    assert status == 0, said
    assert "after epoch 1" in said
    assert_same_result(begun, alone)


def test_two_workers_end_as_one_device_does_and_the_chief_alone_keeps_the_run(
    prepared: Path, alone: Path, begun: Path, tmp_path: Path
) -> None:
    flags, nowhere = workers(2), tmp_path / "nowhere"
    chief, other = ended(
        *(
            started(prepared, out, *flags, "--worker", str(n))
            for n, out in enumerate([begun, nowhere])
        )
    )
    assert chief[0] == other[0] == 0, chief[1] + other[1]
    assert "after epoch 1" in chief[1]
    assert other[1].splitlines() == [
        "the workers were not all started with the same number",
        "done; the first worker has the model",
    ]
    assert not nowhere.exists()
    assert_same_result(begun, alone)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_takes_a_run_up_and_ends_as_tensorflow_does(
    prepared: Path, alone: Path, begun: Path, backend: str
) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed: pip install {backend}")
    ((status, said),) = ended(started(prepared, begun, backend=backend))
    assert status == 0, said
    assert "after epoch 1" in said
    assert_same_result(begun, alone)


@pytest.mark.parametrize(
    ("given", "config", "complaint"),
    [
        (("gpu:2", (), 0), "", "--devices gpu:2: only TensorFlow does that, and KERAS_BACKEND is"),
        (("auto", ("a:1", "b:1"), 0), "", "--workers: only TensorFlow does that"),
        (
            ("auto", (), 0),
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": 0}}',
            "TF_CONFIG: only TensorFlow does that",
        ),
    ],
)
def test_other_backends_refuse_several_devices_and_workers(
    monkeypatch: pytest.MonkeyPatch,
    given: tuple[str, tuple[str, ...], int],
    config: str,
    complaint: str,
) -> None:
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(TrainingError, match=complaint):
        Engine("torch").open_devices(*given)


def test_other_backends_refuse_curves_for_tensorboard(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--tensorboard: only TensorFlow does that"):
        Engine("torch").curves(tmp_path)


@pytest.mark.parametrize(
    ("devices", "config", "complaint"),
    [
        ("gpu:99", "", r"--devices gpu:99: TensorFlow sees \d+ GPUs here"),
        ("auto", "{", "TF_CONFIG: not a description of workers"),
        ("auto", '{"cluster": {"worker": ["a:1", "b:1"]}}', "TF_CONFIG: not a description"),
        (
            "cpu:2",
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": 0}}',
            "leave --devices out",
        ),
    ],
)
def test_devices_that_cannot_be_had_are_named(
    monkeypatch: pytest.MonkeyPatch, devices: str, config: str, complaint: str
) -> None:
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(TrainingError, match=complaint), open_devices(devices):
        pass


def test_a_batch_that_cannot_be_shared_is_refused(
    prepared: Path, tiny_network: str, tmp_path: Path
) -> None:
    class Three(OneDevice):
        count = 3

    data, plan = load_arrays(prepared), replace(ALONE, model="tiny")
    with pytest.raises(TrainingError, match="3 devices cannot have equal shares of a batch of 32"):
        train(data, plan, tmp_path / "run", devices=Three())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "given", [["--worker", "0"], ["--workers", "a:1,b:1"], ["--workers", "a:1,b:1", "--worker=2"]]
)
def test_workers_and_their_place_belong_together(
    prepared: Path, given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--data", str(prepared), *given]) == 1
    assert "--workers names all hosts, and --worker says which" in capsys.readouterr().err
