"""What every `EmotionRuntime` must do, whatever engine it runs on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion import manifest as manifests
from agent.emotion.manifest import Input, Manifest, Precision
from agent.errors import ModelError
from agent.runtimes.onnx import OnnxRuntime
from agent.runtimes.openvino import OpenvinoRuntime
from agent.runtimes.runtime import EmotionRuntime
from agent.runtimes.tflite import TfliteRuntime

Model = tuple[Path, Manifest]
Faces = npt.NDArray[np.uint8]
Open = Callable[[Path, Manifest, int], EmotionRuntime]

RUNTIMES: dict[str, tuple[str, Precision, type[Any]]] = {
    f"{kind} {precision}": (kind, precision, engine)
    for kind, engine, precisions in (
        ("tflite", TfliteRuntime, get_args(Precision)),
        ("onnx", OnnxRuntime, ("int8", "float32")),
        ("openvino", OpenvinoRuntime, ("int8", "float16", "float32")),
    )
    for precision in precisions
}
TOLERANCE: dict[Precision, float] = {"float32": 1e-5, "float16": 5e-3}
"""Largest difference of a probability to the float32 TFLite file; 0.1 for the quantized ones."""


@pytest.fixture(params=list(RUNTIMES))
def named(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opened(named: str) -> Open:
    _, precision, engine = RUNTIMES[named]

    def open_(folder: Path, manifest: Manifest, threads: int) -> EmotionRuntime:
        runtime: EmotionRuntime = engine(manifest, folder, precision, threads)
        return runtime

    return open_


@pytest.fixture
def runtime(opened: Open, tiny: Model) -> EmotionRuntime:
    return opened(*tiny, 1)


def test_every_engine_and_precision_of_the_model_is_covered(tiny: Model) -> None:
    files = {f"{file.runtime} {file.precision}" for file in tiny[1].files}

    assert files == set(RUNTIMES)


def test_it_names_its_engine_and_its_model(named: str, runtime: EmotionRuntime) -> None:
    assert runtime.kind == RUNTIMES[named][0]
    assert runtime.model == "tiny@1.2.3"


def test_it_says_what_the_float32_tflite_file_says(
    named: str, runtime: EmotionRuntime, tiny: Model, faces: Faces
) -> None:
    folder, manifest = tiny
    expected = TfliteRuntime(manifest, folder, "float32").predict(faces)

    difference = np.abs(runtime.predict(faces) - expected).max()

    assert difference <= TOLERANCE.get(RUNTIMES[named][1], 0.1)


@pytest.mark.parametrize("damage", ["changed", "cut off", "text"])
def test_a_file_that_is_not_what_the_manifest_says_is_refused_in_one_line(
    opened: Open, named: str, tiny: Model, tmp_path: Path, damage: str
) -> None:
    kind, precision, _ = RUNTIMES[named]
    folder, manifest = tmp_path / "tiny", tiny[1]
    shutil.copytree(tiny[0], folder)
    file = manifest.file_for(kind, precision)
    assert file is not None
    path = folder / file.file
    whole = path.read_bytes()
    path.write_bytes(b"not a model\n" * 9 if damage == "text" else whole[: len(whole) // 2])
    if damage != "changed":  # a manifest that promises just this content
        stored = manifests.stored(path)
        told = file.model_copy(update={"sha256": stored.sha256, "bytes": stored.bytes})
        manifest = manifest.model_copy(update={"files": [told]})

    with pytest.raises(ModelError) as refused:
        opened(folder, manifest, 1)

    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_a_model_of_seven_classes_is_refused(opened: Open, seven_classes: Model) -> None:
    with pytest.raises(ModelError, match="7"):
        opened(*seven_classes, 1)


def test_a_model_of_another_size_than_its_manifest_is_refused(opened: Open, tiny: Model) -> None:
    folder, manifest = tiny
    larger = manifest.model_copy(update={"input": Input(side=48, offset=128, divisor=128)})

    with pytest.raises(ModelError, match="48 x 48"):
        opened(folder, larger, 1)


def test_a_precision_that_the_model_has_not_is_named(opened: Open, named: str, tiny: Model) -> None:
    kind, precision, _ = RUNTIMES[named]
    others = [f for f in tiny[1].files if (f.runtime, f.precision) != (kind, precision)]

    with pytest.raises(ModelError, match=f"no {kind} {precision} file; it has "):
        opened(tiny[0], tiny[1].model_copy(update={"files": others}), 1)


@pytest.mark.parametrize("count", [0, 1, 7, 33])
def test_every_batch_gives_one_distribution_for_each_face(
    runtime: EmotionRuntime, faces: Faces, count: int
) -> None:
    given = runtime.predict(faces[:count])

    assert given.shape == (count, 8)
    assert given.dtype == np.float32
    assert np.all(given >= 0)
    np.testing.assert_allclose(given.sum(axis=1), 1, atol=1e-6)


def test_a_face_is_read_the_same_alone_and_among_others(
    runtime: EmotionRuntime, faces: Faces
) -> None:
    together = runtime.predict(faces)
    alone = np.concatenate([runtime.predict(face[np.newaxis]) for face in faces])

    np.testing.assert_allclose(together, alone, atol=1e-6)
    assert len(np.unique(together.round(4), axis=0)) > 20  # the answers do depend on the faces


def test_a_view_of_a_larger_array_is_read_like_its_copy(
    runtime: EmotionRuntime, faces: Faces
) -> None:
    mirrored = faces[:, :, ::-1]

    np.testing.assert_array_equal(runtime.predict(mirrored), runtime.predict(mirrored.copy()))


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((2, 16, 15), np.uint8),
        np.zeros((2, 48, 48), np.uint8),
        np.zeros((16, 16), np.uint8),
        np.zeros((2, 16, 16, 1), np.uint8),
        np.zeros((0, 15, 16), np.uint8),
        np.zeros((2, 16, 16), np.float32),
        np.zeros((2, 16, 16), np.int8),
    ],
    ids=lambda crops: f"{crops.shape}-{crops.dtype}",
)
def test_other_shapes_and_types_are_refused(
    runtime: EmotionRuntime, crops: npt.NDArray[np.uint8]
) -> None:
    with pytest.raises(ValueError, match="16 x 16 uint8"):
        runtime.predict(crops)


def test_more_threads_change_nothing_but_the_time(opened: Open, tiny: Model, faces: Faces) -> None:
    one, three = (opened(*tiny, threads).predict(faces) for threads in (1, 3))

    np.testing.assert_allclose(one, three, atol=1e-5)


def test_a_closed_runtime_reads_nothing_and_can_be_opened_again(
    opened: Open, tiny: Model, faces: Faces
) -> None:
    first = opened(*tiny, 1)
    expected = first.predict(faces)
    first.close()
    first.close()

    with pytest.raises(RuntimeError, match="close"):
        first.predict(faces)
    np.testing.assert_array_equal(opened(*tiny, 1).predict(faces), expected)


def test_two_open_runtimes_do_not_disturb_each_other(
    opened: Open, tiny: Model, faces: Faces
) -> None:
    one, other = opened(*tiny, 1), opened(*tiny, 1)
    expected = one.predict(faces)
    other.predict(255 - faces)

    np.testing.assert_array_equal(one.predict(faces), expected)
