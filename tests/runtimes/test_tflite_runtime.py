from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion import manifest as manifests
from agent.emotion.manifest import Input, Manifest, Precision
from agent.errors import ModelError
from agent.runtimes.litert import load_interpreter
from agent.runtimes.tflite import TfliteRuntime

Model = tuple[Path, Manifest]
Faces = npt.NDArray[np.uint8]


def answers(path: Path, inputs: npt.NDArray[Any], temperature: float) -> npt.NDArray[np.float64]:
    """The interpreter asked directly: softmax(logits / temperature) of prepared inputs."""
    interpreter = load_interpreter(path)
    source = interpreter.get_input_details()[0]["index"]
    result = interpreter.get_output_details()[0]
    rows = []
    for picture in inputs:
        interpreter.set_tensor(source, picture[np.newaxis, ..., np.newaxis])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(result["index"])[0])
    logits = np.array(rows, np.float64)
    if result["dtype"] == np.int8:
        scale, zero_point = result["quantization"]
        logits = (logits - zero_point) * scale
    powers = np.exp(logits / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)


def test_int8_reads_each_pixel_with_its_top_bit_flipped(tiny: Model, faces: Faces) -> None:
    folder, manifest = tiny
    expected = answers(folder / "model-int8.tflite", (faces ^ 0x80).view(np.int8), 0.8)

    given = TfliteRuntime(manifest, folder, "int8").predict(faces)

    np.testing.assert_allclose(given, expected, atol=1e-6)


def test_float32_reads_pixels_between_minus_one_and_one(tiny: Model, faces: Faces) -> None:
    folder, manifest = tiny
    inputs = ((faces.astype(np.float64) - 128) / 128).astype(np.float32)
    expected = answers(folder / "model-float32.tflite", inputs, 0.8)

    given = TfliteRuntime(manifest, folder, "float32").predict(faces)

    np.testing.assert_allclose(given, expected, atol=1e-6)


@pytest.mark.parametrize(("offset", "divisor"), [(0, 255), (100, 64), (127.5, 127.5)])
def test_other_preprocessing_is_rounded_and_clipped_to_the_input_range(
    tiny: Model, faces: Faces, offset: float, divisor: float
) -> None:
    folder, manifest = tiny
    other = manifest.model_copy(update={"input": Input(side=16, offset=offset, divisor=divisor)})
    values = (faces.astype(np.float32) - np.float32(offset)) / np.float32(divisor)
    inputs = np.clip(np.round(values * 128), -128, 127).astype(np.int8)
    expected = answers(folder / "model-int8.tflite", inputs, 0.8)

    given = TfliteRuntime(other, folder, "int8").predict(faces)

    np.testing.assert_allclose(given, expected, atol=1e-6)


def test_a_higher_temperature_is_less_sure_of_the_same_answers(tiny: Model, faces: Faces) -> None:
    folder, manifest = tiny
    cold, hot = (
        TfliteRuntime(manifest.model_copy(update={"temperature": t}), folder).predict(faces)
        for t in (0.5, 3.0)
    )

    np.testing.assert_array_equal(cold.argmax(axis=1), hot.argmax(axis=1))
    assert np.all(cold.max(axis=1) > hot.max(axis=1))


def broken(tiny: Model, folder: Path, precision: Precision, content: bytes) -> Manifest:
    """A copy of the model with another file content, its hash in the manifest."""
    manifest = tiny[1]
    shutil.copytree(tiny[0], folder)
    whole = manifest.file_for("tflite", precision)
    assert whole is not None
    path = folder / whole.file
    path.write_bytes(content)
    changed = whole.model_copy(update={"sha256": manifests.sha256(path)})
    return manifest.model_copy(update={"files": [changed]})


@pytest.mark.parametrize("damage", ["empty", "text", "cut off"])
def test_a_damaged_file_is_refused_in_one_line_that_names_it(
    tiny: Model, tmp_path: Path, damage: str
) -> None:
    whole = (tiny[0] / "model-int8.tflite").read_bytes()
    content = {"empty": b"", "text": b"not a model\n" * 99, "cut off": whole[: len(whole) // 2]}
    manifest = broken(tiny, tmp_path / "tiny", "int8", content[damage])

    with pytest.raises(ModelError) as refused:
        TfliteRuntime(manifest, tmp_path / "tiny", "int8")

    assert str(tmp_path / "tiny" / "model-int8.tflite") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_changed_file_is_refused_by_its_hash(tiny: Model, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny[0], folder)
    path = folder / "model-int8.tflite"
    path.write_bytes(path.read_bytes()[:-1] + b"\0\1")

    with pytest.raises(ModelError, match=r"model-int8\.tflite: SHA-256"):
        TfliteRuntime(tiny[1], folder, "int8")


def test_a_missing_file_is_named(tiny: Model, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model-float32\.tflite: No such file"):
        TfliteRuntime(tiny[1], tmp_path, "float32")


def test_a_precision_that_the_model_has_not_is_named(tiny: Model) -> None:
    folder, manifest = tiny
    only = manifest.model_copy(update={"files": [manifest.file_for("tflite", "float32")]})

    with pytest.raises(ModelError, match="no tflite int8 file; it has tflite float32"):
        TfliteRuntime(only, folder, "int8")


def test_a_model_of_seven_classes_is_refused(seven_classes: Model) -> None:
    folder, manifest = seven_classes

    with pytest.raises(ModelError, match="output is 1 x 7 int8, expected 1 x 8"):
        TfliteRuntime(manifest, folder, "int8")


def test_a_model_of_another_size_than_its_manifest_is_refused(tiny: Model) -> None:
    folder, manifest = tiny
    larger = manifest.model_copy(update={"input": Input(side=48, offset=128, divisor=128)})

    with pytest.raises(ModelError, match="input is 1 x 16 x 16 x 1 int8, expected 1 x 48 x 48 x 1"):
        TfliteRuntime(larger, folder, "int8")
