"""The same small network as Keras file, TFLite files and model folder must say the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion import manifest
from agent.emotion.labels import EMOTIONS
from agent.errors import ModelError
from training.backend import load_keras
from training.candidate import are_probabilities, open_candidate
from training.errors import TrainingError
from training.ferplus import load_arrays


@dataclass
class Files:
    """One network in every form."""

    keras: Path
    float32: Path
    int8: Path
    """Quantized weights, float32 input and output."""
    full_int8: Path
    """int8 input and output too."""
    softmax: Path
    """Gives probabilities; full int8."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    keras = load_keras()
    import tensorflow as tf  # noqa: PLC0415

    keras.utils.set_random_seed(3)
    layers = keras.layers
    image = keras.Input((48, 48, 1), batch_size=1)
    x = layers.Conv2D(4, 5, 4, activation="relu")(image)
    logits = layers.Dense(8)(layers.Flatten()(x))
    model = keras.Model(image, logits)
    soft = keras.Model(image, layers.Softmax()(logits))
    folder = tmp_path_factory.mktemp("models")

    def convert(network: Any, quantized: bool, tensors: bool, name: str) -> Path:
        converter = tf.lite.TFLiteConverter.from_keras_model(network)
        if quantized:
            rng = np.random.default_rng(0)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: (
                [rng.uniform(-1, 1, (1, 48, 48, 1)).astype(np.float32)] for _ in range(40)
            )
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        if tensors:
            converter.inference_input_type = converter.inference_output_type = tf.int8
        (folder / name).write_bytes(converter.convert())
        return folder / name

    free = keras.Input((48, 48, 1))
    keras.Model(free, model(free)).save(folder / "model.keras")
    made = Files(
        folder / "model.keras",
        convert(model, False, False, "float32.tflite"),
        convert(model, True, False, "int8.tflite"),
        convert(model, True, True, "full_int8.tflite"),
        convert(soft, True, True, "softmax.tflite"),
    )
    keras.utils.clear_session()
    return made


@pytest.fixture
def images(prepared: Path) -> npt.NDArray[np.uint8]:
    return load_arrays(prepared)["valid"].images[:12]


def test_keras_and_float32_give_the_same_logits(
    files: Files, images: npt.NDArray[np.uint8]
) -> None:
    expected = open_candidate(files.keras).logits(images)
    assert expected.shape == (12, 8)
    assert expected.std() > 0.05
    np.testing.assert_allclose(open_candidate(files.float32).logits(images), expected, atol=1e-4)


@pytest.mark.parametrize("form", ["int8", "full_int8"])
def test_int8_files_give_nearly_the_same_logits(
    files: Files, images: npt.NDArray[np.uint8], form: str
) -> None:
    expected = open_candidate(files.keras).logits(images)
    found = open_candidate(getattr(files, form)).logits(images)
    assert np.abs(found - expected).max() < 0.1 * np.ptp(expected)


def test_probabilities_are_recognised_and_turned_back(
    files: Files, images: npt.NDArray[np.uint8]
) -> None:
    expected = open_candidate(files.keras).logits(images)
    powers = np.exp(expected)
    found = np.exp(open_candidate(files.softmax).logits(images))
    np.testing.assert_allclose(found, powers / powers.sum(axis=1, keepdims=True), atol=0.03)


def test_rows_that_sum_to_one_by_chance_are_no_probabilities() -> None:
    assert are_probabilities(np.full((3, 8), 1 / 8))
    assert not are_probabilities(np.array([[2.0, -1.0, 0, 0, 0, 0, 0, 0]]))
    assert not are_probabilities(np.array([np.full(8, 1 / 8), np.full(8, 0.3)]))


def folder_with(files: Files, folder: Path, **changes: Any) -> Path:
    """A model folder as the converters write it."""
    entries = []
    for precision, path in (("int8", files.full_int8), ("float32", files.float32)):
        (folder / path.name).write_bytes(path.read_bytes())
        entries.append(
            {
                "file": path.name,
                "runtime": "tflite",
                "precision": precision,
                "sha256": manifest.sha256(path),
                "bytes": path.stat().st_size,
            }
        )
    described = {
        "name": "tiny",
        "version": "1",
        "licence": "Apache-2.0",
        "files": entries,
        "input": {"side": 48, "offset": 128.0, "divisor": 128.0},
        "crops": {},
        "labels": list(EMOTIONS),
        "output": "logits",
        "temperature": 2.5,
        "metrics": {},
        "training": {},
    }
    manifest.write(manifest.Manifest.model_validate(described | changes), folder)
    return folder


def test_a_model_folder_brings_its_temperature_and_prefers_int8(
    files: Files, images: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    found = open_candidate(folder_with(files, tmp_path))
    assert found.temperature == 2.5
    assert found.name == "tiny@1 (full_int8.tflite)"
    np.testing.assert_array_equal(
        found.logits(images), open_candidate(files.full_int8).logits(images)
    )
    assert open_candidate(tmp_path, "float32").name == "tiny@1 (float32.tflite)"


def test_a_changed_model_file_is_refused(files: Files, tmp_path: Path) -> None:
    folder = folder_with(files, tmp_path)
    path = folder / "full_int8.tflite"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="the file was changed or damaged"):
        open_candidate(folder)


def test_a_manifest_of_another_size_is_refused(files: Files, tmp_path: Path) -> None:
    other = {"side": 64, "offset": 128.0, "divisor": 128.0}
    with pytest.raises(TrainingError, match="takes pictures of 48 pixels, its manifest says 64"):
        open_candidate(folder_with(files, tmp_path, input=other))


def test_pictures_are_fitted_to_the_model(tmp_path: Path, images: npt.NDArray[np.uint8]) -> None:
    keras = load_keras()
    image = keras.Input((64, 64, 1))
    layers = keras.layers
    grey = layers.GlobalAveragePooling2D()(image)
    keras.Model(image, layers.Concatenate()([grey] * 8)).save(tmp_path / "mean.keras")
    found = open_candidate(tmp_path / "mean.keras").logits(images)
    expected = (images.mean(axis=(1, 2)) - 128) / 128
    np.testing.assert_allclose(found[:, 0], expected, atol=0.02)


def test_a_model_with_other_outputs_is_refused(
    tmp_path: Path, images: npt.NDArray[np.uint8]
) -> None:
    keras = load_keras()
    image = keras.Input((48, 48, 1))
    seven = keras.layers.Dense(7)(keras.layers.Flatten()(image))
    keras.Model(image, seven).save(tmp_path / "seven.keras")
    with pytest.raises(TrainingError, match=r"seven\.keras: gives \(7,\) numbers a picture"):
        open_candidate(tmp_path / "seven.keras").logits(images)


def test_a_model_that_wants_colour_is_refused(tmp_path: Path) -> None:
    keras = load_keras()
    image = keras.Input((48, 48, 3))
    keras.Model(image, keras.layers.Flatten()(image)).save(tmp_path / "colour.keras")
    with pytest.raises(TrainingError, match="expected square grey pictures"):
        open_candidate(tmp_path / "colour.keras")


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("model.keras", b"text", r"not a Keras model \(damaged, cut off, or something else\)"),
        ("model.tflite", b"text", "not a usable TFLite model"),
        ("model.onnx", b"text", r"expected a \.keras or \.tflite file, or a folder"),
    ],
)
def test_a_file_of_another_kind_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises((TrainingError, ModelError), match=complaint) as refused:
        open_candidate(tmp_path / name)
    assert str(refused.value).startswith(str(tmp_path / name))
    assert "\n" not in str(refused.value)


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no such file or folder"):
        open_candidate(tmp_path / "none.keras")


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"manifest\.json: No such file"):
        open_candidate(tmp_path)
