"""What every `EmotionRuntime` must do, whatever engine it runs on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion.manifest import Manifest
from agent.runtimes.runtime import EmotionRuntime
from agent.runtimes.tflite import TfliteRuntime

Model = tuple[Path, Manifest]
Faces = npt.NDArray[np.uint8]
Open = Callable[[Path, Manifest, int], EmotionRuntime]

RUNTIMES: dict[str, Open] = {
    "tflite int8": lambda folder, manifest, n: TfliteRuntime(manifest, folder, "int8", n),
    "tflite float32": lambda folder, manifest, n: TfliteRuntime(manifest, folder, "float32", n),
}


@pytest.fixture(params=list(RUNTIMES))
def opened(request: pytest.FixtureRequest) -> Open:
    return RUNTIMES[request.param]


@pytest.fixture
def runtime(opened: Open, tiny: Model) -> EmotionRuntime:
    return opened(*tiny, 1)


def test_it_names_its_engine_and_its_model(runtime: EmotionRuntime) -> None:
    assert runtime.kind == "tflite"
    assert runtime.model == "tiny@1.2.3"


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
