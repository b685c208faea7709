"""A machine with TensorRT, or the stand-ins for it, and a model with ONNX files."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from agent.emotion import manifest as manifests
from agent.emotion.manifest import Manifest, Precision
from agent.emotion.preprocess import Preprocessing
from agent.quiet import output_hidden
from agent.runtimes.tensorrt import cuda
from converters.targets.onnx import OnnxTarget
from converters.targets.target import Task
from tests.runtimes.conftest import SIDE, entry, network
from tests.runtimes.tensorrt.stand_in import stand_in
from training.backend import load_keras

SOURCE = Path(__file__).with_name("cudart.c")


@pytest.fixture(scope="session")
def cudart_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in for libcudart, compiled."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: scripts/setup-system audio")
    path = tmp_path_factory.mktemp("cuda") / "libcudart.so"
    command = ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", str(SOURCE), "-o", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture
def cudart(cudart_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ctypes.CDLL]:
    """The stand-in, found in place of a real libcudart; nothing of it may be held at the end."""
    library = ctypes.CDLL(str(cudart_file))
    library.stand_in_reset()
    before = library.stand_in_held()
    monkeypatch.setattr(cuda, "library_places", lambda: iter([str(cudart_file)]))
    yield library
    library.stand_in_reset()
    assert library.stand_in_held() == before


@pytest.fixture
def machine(
    cudart: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[str], Any]:
    """Makes this a machine with that release of TensorRT, with a state folder of its own."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))

    def with_release(version: str) -> Any:
        module = stand_in(version)
        monkeypatch.setitem(sys.modules, "tensorrt", module)
        return module

    return with_release


@pytest.fixture(scope="session")
def onnx_model(
    tiny: tuple[Path, Manifest], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Manifest]:
    """The model's folder with float32 and quantized ONNX files alone; not to be changed."""
    folder = tmp_path_factory.mktemp("onnx") / "tiny"
    folder.mkdir()
    write_onnx_files(folder)
    precisions: tuple[Precision, ...] = ("float32", "int8")
    files = [
        entry(folder / f"model-{precision}.onnx", precision).model_copy(update={"runtime": "onnx"})
        for precision in precisions
    ]
    manifest = tiny[1].model_copy(update={"files": files})
    manifests.write(manifest, folder)
    return folder, manifest


def write_onnx_files(folder: Path) -> None:
    """Convert the network that `tiny` is made of to both files."""
    noise = np.random.default_rng(0).integers(0, 256, (60, SIDE, SIDE), dtype=np.uint8)
    task = Task(network(load_keras()), Preprocessing(SIDE), noise, work=folder)
    with output_hidden():
        OnnxTarget().convert(task, folder)
        quantize_static(
            folder / "model-float32.onnx",
            folder / "model-int8.onnx",
            Noise(noise),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Gemm", "MatMul", "Add"],
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "QuantizeBias": False,
                "AddQDQPairToWeight": True,
                "DedicatedQDQPair": True,
            },
        )


class Noise(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, crops: npt.NDArray[np.uint8]) -> None:
        self._rows = iter(Preprocessing(SIDE).normalise(crops))

    def get_next(self) -> dict[str, Any] | None:
        row = next(self._rows, None)
        return None if row is None else {"image": row[np.newaxis]}
