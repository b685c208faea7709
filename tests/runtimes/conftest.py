"""A small network with random weights, as a model folder."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion import manifest as manifests
from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Input, Manifest, ModelFile
from agent.emotion.preprocess import Preprocessing
from agent.quiet import output_hidden
from converters.targets.onnx import OnnxTarget
from converters.targets.openvino import OpenvinoTarget
from converters.targets.target import Artifact, Task
from converters.targets.tflite import TfliteTarget
from training.backend import load_keras

SIDE = 16


def network(keras: Any, classes: int = len(EMOTIONS)) -> Any:
    """Convolutions wide enough in their weights that every picture gets answers of its own."""
    keras.utils.set_random_seed(4)
    wide = keras.initializers.RandomNormal(stddev=0.5)
    image = keras.Input((SIDE, SIDE, 1), name="image")
    x = keras.layers.Conv2D(6, 3, 2, activation="relu", kernel_initializer=wide)(image)
    x = keras.layers.Conv2D(8, 3, 2, activation="relu", kernel_initializer=wide)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(classes, kernel_initializer=wide)(x))


def write_model(folder: Path, classes: int = len(EMOTIONS)) -> Manifest:
    """Convert the network into the folder and describe it."""
    folder.mkdir(parents=True)
    calibration = pictures(100, seed=0)
    calibration[0, 0, :2] = 0, 255
    with TemporaryDirectory() as work, output_hidden():
        task = Task(network(load_keras(), classes), Preprocessing(SIDE), calibration, Path(work))
        artifacts = [
            artifact
            for target in (TfliteTarget(), OnnxTarget(), OpenvinoTarget())
            for artifact in target.convert(task, folder)
        ]
    manifest = Manifest(
        name="tiny",
        version="1.2.3",
        licence="Apache-2.0",
        files=[entry(artifact, folder) for artifact in artifacts],
        input=Input(side=SIDE, offset=128, divisor=128),
        crops={},
        labels=list(EMOTIONS),
        output="logits",
        temperature=0.8,
        metrics={},
        training={},
    )
    manifests.write(manifest, folder)
    return manifest


def entry(artifact: Artifact, folder: Path) -> ModelFile:
    """The manifest's entry for a file as it is now."""
    return ModelFile(
        **manifests.stored(folder / artifact.file).model_dump(),
        runtime=artifact.runtime,
        precision=artifact.precision,
        parts=[manifests.stored(folder / name) for name in artifact.parts],
    )


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models that holds `tiny`; not to be changed."""
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "tiny")
    return folder


@pytest.fixture(scope="session")
def tiny(models: Path) -> tuple[Path, Manifest]:
    """The model's folder and its manifest; not to be changed."""
    return models / "tiny", manifests.read(models / "tiny")


@pytest.fixture(scope="session")
def seven_classes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """A model of one class too few."""
    folder = tmp_path_factory.mktemp("models") / "seven"
    return folder, write_model(folder, classes=7)


@pytest.fixture(scope="session")
def faces() -> npt.NDArray[np.uint8]:
    return pictures(33, seed=7)


def pictures(count: int, seed: int) -> npt.NDArray[np.uint8]:
    """Each a different mix of light and noise."""
    rng = np.random.default_rng(seed)
    light = rng.integers(0, 256, (count, 1, 1))
    noise = rng.normal(0, 60, (count, SIDE, SIDE))
    return np.asarray(np.clip(light + noise, 0, 255), np.uint8)
