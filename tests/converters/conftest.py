"""Eight kinds of striped pictures, and a small network that has learned them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion.preprocess import Preprocessing
from converters.conversion import Job
from converters.folding import fold
from converters.pictures import calibration_pictures
from converters.targets.target import Task
from converters.targets.tflite import TfliteTarget
from training.backend import load_keras
from training.ferplus import FerPlus, Part, save_arrays

SIDE = 48
TURNS = (15, 60, 105, 150)  # transposing turns none of them into another's own angle
PARTS = {"train": 480, "valid": 400, "test": 160}


def striped(count: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.uint8], Any]:
    """Stripes at four angles, dark or light: eight classes, with noise and any phase."""
    labels = np.arange(count) % 8
    rows, columns = np.mgrid[:SIDE, :SIDE]
    angles = np.deg2rad(np.array(TURNS)[labels % 4])[:, None, None]
    across = np.cos(angles) * columns + np.sin(angles) * rows
    waves = np.sin(across * 0.6 + rng.uniform(0, 2 * np.pi, (count, 1, 1)))
    light = np.where(labels < 4, 80, 170)[:, None, None]
    noise = rng.normal(0, 12, across.shape)
    return np.clip(light + 45 * waves + noise, 0, 255).astype(np.uint8), labels


def part(count: int, rng: np.random.Generator) -> Part:
    """Striped pictures with ten voters who agree, and are all wrong about every tenth picture."""
    images, labels = striped(count, rng)
    labels[::10] = rng.integers(0, 8, len(labels[::10]))
    votes = np.zeros((count, 10), np.uint8)
    votes[np.arange(count), labels] = 10
    return Part(images, votes, np.array([f"stripes{i:07}.png" for i in range(count)]))


@pytest.fixture
def astronaut(demo_file: Callable[[str], Path]) -> npt.NDArray[np.uint8]:
    """512 x 512, one smiling face."""
    return np.asarray(cv2.imread(str(demo_file("astronaut.png"))), np.uint8)


@pytest.fixture(scope="session")
def keras() -> Any:
    return load_keras()


@pytest.fixture(scope="session")
def data() -> FerPlus:
    rng = np.random.default_rng(3)
    return {name: part(count, rng) for name, count in PARTS.items()}


@pytest.fixture(scope="session")
def arrays(data: FerPlus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures as `emotion-train prepare` writes them."""
    path = tmp_path_factory.mktemp("data") / "stripes.npz"
    save_arrays(data, path)
    return path


@pytest.fixture(scope="session")
def untrained(keras: Any) -> Callable[[], Any]:
    """Builds a small residual network of the layers that `training.networks` uses."""

    def build() -> Any:
        keras.utils.set_random_seed(5)
        layers = keras.layers

        def convolution(x: Any, filters: int, stride: int) -> Any:
            x = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False)(x)
            return layers.BatchNormalization(momentum=0.8)(x)

        image = keras.Input((SIDE, SIDE, 1), name="image")
        x = layers.ReLU()(convolution(image, 8, 2))
        shortcut = convolution(x, 16, 2)
        x = convolution(layers.ReLU()(convolution(x, 16, 2)), 16, 1)
        x = layers.ReLU()(layers.Add()([x, shortcut]))
        x = layers.Dropout(0.1)(layers.GlobalAveragePooling2D()(x))
        return keras.Model(image, layers.Dense(8, name="logits")(x), name="tiny")

    return build


@pytest.fixture(scope="session")
def trained(untrained: Callable[[], Any], keras: Any, data: FerPlus) -> Any:
    """The network after a few seconds of training; right in more than 80 % of new pictures."""
    model = untrained()
    model.compile(
        keras.optimizers.Adam(0.02),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    inputs, labels = {}, {}
    for name in ("train", "valid"):
        inputs[name] = Preprocessing().normalise(data[name].images)
        labels[name] = data[name].votes.argmax(axis=1)
    model.fit(inputs["train"], labels["train"], batch_size=32, epochs=10, verbose=0)
    accuracy = model.evaluate(inputs["valid"], labels["valid"], verbose=0)[1]
    assert 0.8 < accuracy < 0.95
    return model


@pytest.fixture(scope="session")
def task(trained: Any, data: FerPlus, tmp_path_factory: pytest.TempPathFactory) -> Task:
    """The trained network, folded, with calibration pictures."""
    pictures = calibration_pictures(data, Preprocessing())
    return Task(fold(trained), Preprocessing(), pictures, tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="session")
def job(trained: Any, arrays: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A conversion of the trained network, with a plan beside it; `out` does not exist."""
    folder = tmp_path_factory.mktemp("run")
    trained.save(folder / "model.keras")
    (folder / "plan.json").write_text('{"model": "tiny", "epochs": 10}')
    return Job(
        model=folder / "model.keras",
        data=arrays,
        out=folder / "never-written",
        name="tiny",
        version="2.0.0",
        targets=[TfliteTarget()],
        precisions={"tflite": ("int8", "float32")},
    )


@pytest.fixture
def fresh(job: Job, tmp_path: Path) -> Job:
    """The same job with an `out` of its own."""
    return replace(job, out=tmp_path / "models" / "tiny")
