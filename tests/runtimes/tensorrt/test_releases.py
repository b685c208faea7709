"""The runtime on every release of TensorRT, as far as stand-ins for it can tell.

`tests/gpus/stand_in.py` says what they are. Where TensorRT and a GPU are, `test_contract.py` asks
the real thing.
"""

from __future__ import annotations

import ctypes
import logging
import shutil
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from agent.emotion import manifest as manifests
from agent.emotion.manifest import Manifest, ModelFile, Precision
from agent.errors import ModelError
from agent.runtimes.onnx import OnnxRuntime
from agent.runtimes.tensorrt.building import LARGEST_BATCH
from agent.runtimes.tensorrt.chips import require_fast
from agent.runtimes.tensorrt.cuda import Cuda
from agent.runtimes.tensorrt.engine_file import write_engine
from agent.runtimes.tensorrt.machine import Machine
from agent.runtimes.tensorrt.runtime import TensorRtRuntime
from tests.gpus.stand_in import API, MODELLED, VERSIONS

Model = tuple[Path, Manifest]
Faces = npt.NDArray[np.uint8]
With = Callable[[str], Any]

MIXED = [v for v in VERSIONS if "INT8" in API[v]["BuilderFlag"]]
"""Releases that choose the precision while building; the others take it from the file."""


def predicted(model: Model, precision: Precision, faces: Faces) -> npt.NDArray[np.float32]:
    folder, manifest = model
    runtime = TensorRtRuntime(manifest, folder, precision)
    try:
        return runtime.predict(faces)
    finally:
        runtime.close()


def test_the_stand_in_has_no_name_that_was_not_recorded_from_the_real_one() -> None:
    for kind, names in MODELLED.items():
        recorded = {name for version in VERSIONS for name in API[version][kind]}
        assert recorded.issuperset(names)


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_release_answers_what_the_onnx_file_answers(
    machine: With, onnx_model: Model, faces: Faces, version: str, precision: Precision
) -> None:
    machine(version)
    expected = OnnxRuntime(onnx_model[1], onnx_model[0], precision).predict(faces)

    given = predicted(onnx_model, precision, faces)

    np.testing.assert_allclose(given, expected, atol=1e-5)
    assert len(np.unique(given.round(4), axis=0)) > 20


@pytest.mark.parametrize("version", VERSIONS)
def test_the_order_of_an_engines_ends_does_not_matter(
    machine: With, onnx_model: Model, faces: Faces, version: str
) -> None:
    expected = OnnxRuntime(onnx_model[1], onnx_model[0], "int8").predict(faces)
    machine(version).ICudaEngine._outputs_first = True

    np.testing.assert_allclose(predicted(onnx_model, "int8", faces), expected, atol=1e-5)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_release_may_round_float32_or_take_all_memory(
    machine: With, onnx_model: Model, faces: Faces, version: str
) -> None:
    trt = machine(version)

    predicted(onnx_model, "float32", faces)

    assert trt.last_config._switches == set()
    assert trt.last_config._pools == {"WORKSPACE": 256 << 20}


@pytest.mark.parametrize("version", VERSIONS)
def test_int8_is_switched_on_where_there_is_a_switch_and_else_taken_from_the_file(
    machine: With, onnx_model: Model, faces: Faces, version: str
) -> None:
    trt = machine(version)

    predicted(onnx_model, "int8", faces)

    flags = trt.NetworkDefinitionCreationFlag
    if version in MIXED:
        assert trt.last_config._switches == {"INT8"}
        assert trt.last_network._flags == 1 << flags.EXPLICIT_BATCH
    else:
        assert trt.last_config._switches == set()
        assert trt.last_network._flags == 1 << flags.STRONGLY_TYPED


@pytest.mark.parametrize("version", MIXED)
def test_float16_is_made_of_the_float32_file(
    machine: With, onnx_model: Model, faces: Faces, version: str
) -> None:
    trt = machine(version)

    predicted(onnx_model, "float16", faces)

    assert trt.last_config._switches == {"FP16"}


def test_float16_is_refused_where_tensorrt_has_no_switch_for_it(
    machine: With, onnx_model: Model, faces: Faces
) -> None:
    machine("11.4.0")

    with pytest.raises(ModelError, match=r"11\.4\.0 builds only .* set runtime\.precision to int8"):
        predicted(onnx_model, "float16", faces)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_engine_is_built_once_for_each_machine(
    machine: With,
    cudart: ctypes.CDLL,
    onnx_model: Model,
    faces: Faces,
    version: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    trt = machine(version)
    with caplog.at_level(logging.INFO):
        first = predicted(onnx_model, "int8", faces)
        again = predicted(onnx_model, "int8", faces)

    np.testing.assert_array_equal(first, again)
    assert trt.builds == 1
    assert caplog.text.count("building a TensorRT engine, int8 for Stand-in") == 1
    cudart.stand_in_gpu(b"Stand-in", 8, 7, 16)
    predicted(onnx_model, "int8", faces)
    assert trt.builds == 2


def test_a_new_release_builds_its_own_engine(
    machine: With, onnx_model: Model, faces: Faces
) -> None:
    machine("8.6.1")
    predicted(onnx_model, "int8", faces)

    newer = machine("10.3.0")
    predicted(onnx_model, "int8", faces)

    assert newer.builds == 1


def test_a_damaged_engine_in_the_cache_is_built_anew(
    machine: With,
    onnx_model: Model,
    faces: Faces,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    trt = machine("10.3.0")
    expected = predicted(onnx_model, "int8", faces)
    (file,) = (tmp_path / "state" / "engines").iterdir()
    file.write_bytes(file.read_bytes()[:-20])

    np.testing.assert_array_equal(predicted(onnx_model, "int8", faces), expected)
    assert trt.builds == 2
    assert "was changed or damaged" in caplog.text


@pytest.mark.parametrize(
    ("capability", "fast"),
    [
        ((5, 3), False),  # Jetson Nano
        ((6, 0), False),
        ((6, 1), True),
        ((6, 2), False),  # Jetson TX2
        ((7, 2), True),  # Xavier
        ((8, 7), True),  # Orin
        ((11, 0), True),  # Thor
    ],
)
def test_the_chip_decides_where_tensorrt_cannot_say_whether_int8_is_fast(
    machine: With, cudart: ctypes.CDLL, onnx_model: Model, capability: tuple[int, int], fast: bool
) -> None:
    trt = machine("11.4.0")
    cudart.stand_in_gpu(b"Chip", *capability, 1)
    gpu = Cuda().gpu()
    builder = trt.Builder(None)

    require_fast(trt, builder, gpu, "float16")
    with nullcontext() if fast else pytest.raises(ModelError, match=f"Chip .*{capability[0]}"):
        require_fast(trt, builder, gpu, "int8")


@pytest.mark.parametrize("version", MIXED)
def test_tensorrt_itself_is_asked_about_fast_int8_where_it_knows(
    machine: With, onnx_model: Model, faces: Faces, version: str
) -> None:
    machine(version).Builder._fast_int8 = False

    with pytest.raises(ModelError, match=r"has no fast int8.* set runtime\.precision to float16"):
        predicted(onnx_model, "int8", faces)
    assert len(predicted(onnx_model, "float16", faces)) == len(faces)


def test_a_crowd_goes_through_in_batches(machine: With, onnx_model: Model, faces: Faces) -> None:
    machine("10.3.0")
    crowd = np.concatenate([faces, faces[:5]])
    assert len(crowd) > 2 * LARGEST_BATCH

    given = predicted(onnx_model, "float32", crowd)

    np.testing.assert_allclose(given[-5:], given[:5], atol=1e-6)


def changed(model: Model, folder: Path, precision: Precision, content: bytes) -> Model:
    """A copy of the model with another ONNX file, its hash in the manifest."""
    shutil.copytree(model[0], folder)
    whole = model[1].file_for("onnx", precision)
    assert whole is not None
    path = folder / whole.file
    path.write_bytes(content)
    entry = whole.model_copy(update={"sha256": manifests.sha256(path)})
    return folder, model[1].model_copy(update={"files": [entry]})


def test_a_file_that_is_no_onnx_is_refused_in_one_line_that_names_it(
    machine: With, onnx_model: Model, faces: Faces, tmp_path: Path
) -> None:
    machine("10.3.0")
    model = changed(onnx_model, tmp_path / "tiny", "int8", b"not a model\n" * 9)

    with pytest.raises(ModelError, match=r"model-int8\.onnx: TensorRT cannot read") as refused:
        predicted(model, "int8", faces)

    assert "\n" not in str(refused.value)


def test_what_tensorrt_says_of_a_failed_build_is_told(
    machine: With, onnx_model: Model, faces: Faces, tmp_path: Path
) -> None:
    machine("10.3.0")
    floats = (onnx_model[0] / "model-float32.onnx").read_bytes()
    model = changed(onnx_model, tmp_path / "tiny", "int8", floats)

    with pytest.raises(
        ModelError, match=r"model-int8\.onnx: TensorRT cannot build the engine: calibration failure"
    ):
        predicted(model, "int8", faces)


@pytest.mark.parametrize("call", ["cudaMemcpyAsync", "cudaStreamSynchronize"])
def test_what_fails_on_the_gpu_is_told(
    machine: With, cudart: ctypes.CDLL, onnx_model: Model, faces: Faces, call: str
) -> None:
    machine("10.3.0")
    runtime = TensorRtRuntime(onnx_model[1], onnx_model[0], "int8")
    cudart.stand_in_fail(call.encode(), 719)

    with pytest.raises(ModelError, match=f"{call} failed: unspecified launch failure"):
        runtime.predict(faces)
    cudart.stand_in_reset()
    runtime.close()


@pytest.mark.parametrize("call", ["cudaMalloc", "cudaStreamCreate"])
def test_a_start_that_fails_leaves_nothing_on_the_gpu(
    machine: With, cudart: ctypes.CDLL, onnx_model: Model, call: str
) -> None:
    machine("10.3.0")
    cudart.stand_in_fail(call.encode(), 2)

    with pytest.raises(ModelError, match=f"{call} failed: out of memory"):
        TensorRtRuntime(onnx_model[1], onnx_model[0], "int8")


def test_without_tensorrt_the_message_says_what_to_install(
    onnx_model: Model, faces: Faces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)

    with pytest.raises(
        ModelError,
        match=r"no TensorRT can be loaded by Python 3.*python3-libnvinfer.*site-packages",
    ):
        predicted(onnx_model, "int8", faces)


def test_a_precision_that_tensorrt_has_not_is_named(machine: With, onnx_model: Model) -> None:
    with pytest.raises(ModelError, match="TensorRT has no 'dynamic'; it has int8, float16"):
        TensorRtRuntime(onnx_model[1], onnx_model[0], "dynamic")


def test_a_model_without_onnx_files_is_named(machine: With, tiny: Model) -> None:
    machine("10.3.0")
    folder, manifest = tiny
    only = manifest.model_copy(update={"files": [manifest.file_for("tflite", "int8")]})

    with pytest.raises(ModelError, match=r"manifest\.json: no onnx int8 file; it has tflite int8"):
        TensorRtRuntime(only, folder, "int8")


def with_engine(model: Model, folder: Path, content: bytes | None = None) -> Model:
    """A copy of the model with an int8 engine beside the manifest, built on this machine."""
    shutil.copytree(model[0], folder)
    path = folder / "model-int8.engine"
    write_engine(path, *Machine().build(folder / "model-int8.onnx", "int8"))
    entry = ModelFile(**manifests.stored(path).model_dump(), runtime="tensorrt", precision="int8")
    if content is not None:
        path.write_bytes(content)
    return folder, model[1].model_copy(update={"files": [*model[1].files, entry]})


def test_an_engine_beside_the_manifest_is_used_on_the_same_kind_of_machine(
    machine: With, onnx_model: Model, faces: Faces, tmp_path: Path
) -> None:
    expected = OnnxRuntime(onnx_model[1], onnx_model[0], "int8").predict(faces)
    machine("10.3.0")
    folder, manifest = with_engine(onnx_model, tmp_path / "tiny")
    trt = machine("10.3.0")
    (folder / "model-int8.onnx").unlink()

    given = predicted((folder, manifest), "int8", faces)

    np.testing.assert_allclose(given, expected, atol=1e-5)
    assert trt.builds == 0


def test_an_engine_for_another_machine_is_left_alone_and_one_is_built(
    machine: With,
    cudart: ctypes.CDLL,
    onnx_model: Model,
    faces: Faces,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    machine("10.3.0")
    model = with_engine(onnx_model, tmp_path / "tiny")
    trt = machine("10.3.0")
    cudart.stand_in_gpu(b"Another", 7, 2, 6)

    with caplog.at_level(logging.INFO):
        predicted(model, "int8", faces)

    assert trt.builds == 1
    assert "model-int8.engine is int8 for Stand-in (compute capability 8.7)" in caplog.text
    assert "and not int8 for Another" in caplog.text


def test_an_engine_that_its_manifest_does_not_know_is_refused(
    machine: With, onnx_model: Model, faces: Faces, tmp_path: Path
) -> None:
    machine("10.3.0")
    model = with_engine(onnx_model, tmp_path / "tiny", b"something else")

    with pytest.raises(ModelError, match=r"model-int8\.engine: SHA-256 is "):
        predicted(model, "int8", faces)


def test_a_file_with_a_fixed_batch_is_run_in_full_batches(
    machine: With, onnx_model: Model, faces: Faces, tmp_path: Path
) -> None:
    trt = machine("10.3.0")
    fixed = onnx.load(onnx_model[0] / "model-float32.onnx")
    for end in (fixed.graph.input[0], fixed.graph.output[0]):
        end.type.tensor_type.shape.dim[0].dim_value = 4
    model = changed(onnx_model, tmp_path / "tiny", "float32", fixed.SerializeToString())
    expected = OnnxRuntime(onnx_model[1], onnx_model[0], "float32").predict(faces)

    given = predicted(model, "float32", faces)

    np.testing.assert_allclose(given, expected, atol=1e-5)
    assert trt.last_config._profiles == []
