"""Small networks made here, of the kinds that other people's models come in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.emotion import manifest as manifests
from agent.emotion.labels import EMOTIONS
from agent.runtimes.onnx import OnnxRuntime
from agent.runtimes.tflite import TfliteRuntime
from converters.cli import main
from converters.describing import FER2013
from converters.targets.tflite import TfliteTarget
from training.backend import load_keras
from training.ferplus import FerPlus

load_keras()

import tensorflow as tf  # noqa: E402  # Keras has loaded it quietly


@dataclass(frozen=True)
class Trained:
    """The network of the fixtures (-1..1 in, logits out) and what it says of the test pictures."""

    model: Any
    images: Any
    logits: Any
    truth: Any


@pytest.fixture(scope="module")
def known(trained: Any, data: FerPlus) -> Trained:
    images = data["test"].images
    inputs = (images[..., None].astype(np.float32) - 128) / 128
    logits = trained.predict(inputs, verbose=0)
    return Trained(trained, images, logits, data["test"].votes.argmax(axis=1))


def channels_first_onnx(keras: Any, known: Trained, path: Path) -> Path:
    """As the ONNX model zoo's emotion-ferplus: 1 x 1 x side x side of 0..255, eight logits."""
    tf2onnx = pytest.importorskip("tf2onnx")

    @tf.function(input_signature=[tf.TensorSpec((1, 1, 48, 48), tf.float32, name="Input3")])  # type: ignore[untyped-decorator]
    def network(pixels: Any) -> Any:
        image = tf.transpose(pixels, (0, 2, 3, 1))
        return known.model((image - 128) / 128, training=False)

    signature = [tf.TensorSpec((1, 1, 48, 48), tf.float32, name="Input3")]
    model, _ = tf2onnx.convert.from_function(network, signature, opset=13)
    path.write_bytes(model.SerializeToString())
    return path


def seven_classes(keras: Any, known: Trained, scale: float = 255.0) -> Any:
    """The network as Keras examples have it: 0..1 in, seven probabilities in FER2013's order."""
    image = keras.Input((48, 48, 1))
    x = keras.layers.Rescaling(scale / 128, offset=-1)(image)
    body = keras.Model(known.model.inputs, known.model.layers[-2].output)
    order = [EMOTIONS.index(name) for name in FER2013]
    kernel, bias = known.model.layers[-1].get_weights()
    end = keras.layers.Dense(7, activation="softmax")
    model = keras.Model(image, end(body(x)))
    end.set_weights([kernel[:, order], bias[order]])
    return model


def described(path: Path, out: Path, *options: str | Path) -> int:
    return main(["describe", str(path), "--out", str(out), "--name", "other", *map(str, options)])


def runtime_of(folder: Path) -> Any:
    manifest = manifests.read(folder)
    (file,) = manifest.files
    engine = TfliteRuntime if file.runtime == "tflite" else OnnxRuntime
    return engine(manifest, folder, file.precision)


def test_a_channels_first_onnx_file_is_copied_and_served(
    keras: Any, known: Trained, arrays: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = channels_first_onnx(keras, known, tmp_path / "ferplus.onnx")

    assert described(source, tmp_path / "out", "--data", arrays, "--licence", "MIT") == 0

    manifest = manifests.read(tmp_path / "out")
    assert manifest.input.model_dump() | {"grey": ""} == {
        "side": 48,
        "channels": 1,
        "layout": "NCHW",
        "grey": "",
        "offset": 0.0,
        "divisor": 1.0,
    }
    assert manifest.output == "logits"
    assert manifest.licence == "MIT"
    assert manifest.temperature != 1
    assert (tmp_path / "out" / "model-float32.onnx").read_bytes() == source.read_bytes()
    given = runtime_of(tmp_path / "out").predict(known.images)
    np.testing.assert_array_equal(given.argmax(axis=1), known.logits.argmax(axis=1))
    assert runtime_of(tmp_path / "out").predict(known.images[:0]).shape == (0, 8)
    printed = capfd.readouterr()
    assert "right by value range: 0..1" in printed.err
    assert "--set runtime.kind=onnx --set runtime.precision=float32" in printed.out


@pytest.mark.parametrize("kind", ["model.keras", "model.h5", "saved"])
def test_seven_classes_from_keras_leave_contempt_at_zero(
    keras: Any, known: Trained, arrays: Path, tmp_path: Path, kind: str
) -> None:
    model = seven_classes(keras, known)
    path = tmp_path / kind
    model.export(path, verbose=False) if kind == "saved" else model.save(path)

    assert described(path, tmp_path / "out", "--data", arrays) == 0

    manifest = manifests.read(tmp_path / "out")
    assert manifest.output == "probabilities"
    assert manifest.labels == list(FER2013)
    assert (manifest.input.offset, manifest.input.divisor) == (0, 255)
    assert manifest.metrics["files"]["model-float32.tflite"]["valid"]["accuracy"] > 0.6
    given = runtime_of(tmp_path / "out").predict(known.images)
    assert (given[:, EMOTIONS.index("contempt")] == 0).all()
    np.testing.assert_allclose(given.sum(axis=1), 1, atol=1e-5)
    others = known.logits[:, :7].argmax(axis=1)
    np.testing.assert_array_equal(given.argmax(axis=1), others)


def test_what_cannot_be_measured_comes_from_flags(
    keras: Any, known: Trained, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    seven_classes(keras, known).save(tmp_path / "model.keras")
    labels = "angry,disgust,fear,happy,sad,surprise,neutral"
    options = ("--labels", labels, "--range=-1..1", "--margin", "0.2")

    assert described(tmp_path / "model.keras", tmp_path / "out", *options) == 0

    manifest = manifests.read(tmp_path / "out")
    assert manifest.labels == list(FER2013)
    assert manifest.preprocessing.normalise(np.full((1, 48, 48), 255, np.uint8)).max() == 1
    assert manifest.preprocessing.normalise(np.zeros((1, 48, 48), np.uint8)).min() == -1
    assert manifest.crop_for("yunet").margin == 0.2
    assert manifest.output == "probabilities"
    assert manifest.temperature == 1
    assert manifest.metrics == {}
    assert "not checked: no --data" in capfd.readouterr().err


def test_a_model_that_does_not_read_the_faces_is_refused_unless_told(
    keras: Any, known: Trained, arrays: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    seven_classes(keras, known).save(tmp_path / "model.keras")
    swapped = ["--labels", "happy,sad,surprise,angry,disgust,fear,neutral"]
    options = (*swapped, "--range=-1..1", "--data", str(arrays))

    assert described(tmp_path / "model.keras", tmp_path / "out", *options) == 1
    assert "wrong --labels or --range, or no model of faces" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]

    assert described(tmp_path / "model.keras", tmp_path / "out", *options, "--unchecked") == 0
    assert manifests.read(tmp_path / "out").metrics["files"]


def test_an_int8_file_tells_its_range_itself(task: Any, arrays: Path, tmp_path: Path) -> None:
    TfliteTarget().convert(task, tmp_path)

    assert described(tmp_path / "model-int8.tflite", tmp_path / "out", "--data", arrays) == 0

    manifest = manifests.read(tmp_path / "out")
    assert manifest.files[0].precision == "int8"
    assert manifest.input.offset == pytest.approx(128, abs=1e-3)
    assert manifest.input.divisor == pytest.approx(128, abs=1e-3)


def test_a_plain_keras_network_goes_through_the_whole_conversion(
    keras: Any, known: Trained, arrays: Path, tmp_path: Path
) -> None:
    order = [EMOTIONS.index(name) for name in FER2013]
    kernel, bias = known.model.layers[-1].get_weights()
    end = keras.layers.Dense(7, activation="softmax")
    copy = keras.models.clone_model(known.model)
    copy.set_weights(known.model.get_weights())
    model = keras.Model(copy.inputs, end(copy.layers[-2].output))
    end.set_weights([kernel[:, order], bias[order]])
    model.save(tmp_path / "model.h5")
    options = ("--to", "tflite,deeplens", "--data", arrays, "--range=-1..0.9921875")

    assert described(tmp_path / "model.h5", tmp_path / "out", *options) == 0

    manifest = manifests.read(tmp_path / "out")
    assert {(f.runtime, f.precision) for f in manifest.files} >= {
        ("tflite", "int8"),
        ("tflite", "float32"),
        ("deeplens", "float32"),
    }
    assert manifest.labels == list(FER2013)
    given = TfliteRuntime(manifest, tmp_path / "out", "int8").predict(known.images)
    agreement = (given.argmax(axis=1) == known.logits[:, :7].argmax(axis=1)).mean()
    assert agreement > 0.98


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("model.onnx", b"not an onnx file", "not a usable ONNX model"),
        ("model.tflite", b"not a tflite file", "not a usable TFLite model"),
        ("model.keras", b"not a zip", "not a .keras or .h5 file"),
        ("model.h5", b"not hdf5", "not a Keras model that can be loaded"),
        ("model.pth", b"torch", "not one of .onnx, .tflite, .keras, .h5, or a SavedModel"),
    ],
)
def test_a_file_that_is_no_model_is_told_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)

    assert described(tmp_path / name, tmp_path / "out") == 1

    (line,) = (x for x in capfd.readouterr().err.splitlines() if "error: " in x)
    assert told in line
    assert name in line
    assert not (tmp_path / "out").exists()


def test_other_ends_are_told_with_what_is_expected(
    keras: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    image = keras.Input((48, 48, 3))
    x = keras.layers.GlobalAveragePooling2D()(image)
    keras.Model(image, keras.layers.Dense(7)(x)).save(tmp_path / "colour.keras")

    assert described(tmp_path / "colour.keras", tmp_path / "out") == 1
    told = "colour.keras: inputs and outputs are 48 x 48 x 3, 7; expected one grey square picture"
    assert told in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--labels", "happy,sad"), "has 7 outputs, but --labels names 2"),
        (("--to", "tflite"), "--to needs --data"),
        (("--data", "missing.npz"), "missing.npz: no such file"),
    ],
)
def test_a_wrong_flag_is_told(
    keras: Any,
    known: Trained,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    told: str,
) -> None:
    seven_classes(keras, known).save(tmp_path / "model.keras")

    assert described(tmp_path / "model.keras", tmp_path / "out", *options) == 1
    assert told in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--labels", "happy,grumpy"), "unknown emotion 'grumpy'"),
        (("--labels", "happy,happiness"), "'happiness' is named twice"),
        (("--range", "0-255"), "two numbers as in 0..255"),
        (("--margin", "much"), "a number from -0.5 to 2"),
    ],
)
def test_wrong_usage_ends_with_two(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], options: tuple[str, ...], told: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        described(tmp_path / "model.onnx", tmp_path / "out", *options)

    assert ended.value.code == 2
    assert told in capfd.readouterr().err
