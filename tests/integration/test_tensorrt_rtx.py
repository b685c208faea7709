"""The agent's engine building with NVIDIA's real parser and builder, without a GPU.

TensorRT itself is not on PyPI; TensorRT for RTX, its sibling for desktop GPUs, is, and builds
ahead of time. `make test` gives it an environment of its own. What it takes, TensorRT 10 and 11
take by the same parser's rules; the engines are for desktop GPUs and do not run on a Jetson.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.errors import ModelError
from agent.runtimes.tensorrt import cuda

BUILD = Path(__file__).parent / "rtx" / "build_engine.py"


@pytest.fixture(scope="module")
def environment(project: Path) -> Path:
    folder = project / "build" / "tensorrt-rtx"
    if not (folder / ".made").exists():
        pytest.skip("TensorRT for RTX is not here: `make build/tensorrt-rtx/.made` fetches 90 MB")
    return folder


@pytest.fixture(scope="module")
def files(project: Path) -> Path:
    """The shipped model's folder."""
    return project / "models" / "fer-compact"


def built(environment: Path, onnx: Path, precision: str) -> dict[str, Any]:
    command = [str(environment / "bin" / "python"), str(BUILD), str(onnx), precision]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ModelError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_float_model_parses_and_builds_for_any_number_of_faces(
    environment: Path, files: Path
) -> None:
    found = built(environment, files / "model-float32.onnx", "float32")

    assert (found["input"], found["output"]) == ([-1, 48, 48, 1], [-1, 8])
    assert found["profiles"] == 1
    assert found["layers"]["CONVOLUTION"] > 10
    assert "QUANTIZE" not in found["layers"]
    assert found["bytes"] > 100_000


def test_the_quantized_model_parses_and_builds(environment: Path, files: Path) -> None:
    found = built(environment, files / "model-int8.onnx", "int8")

    assert (found["input"], found["output"]) == ([-1, 48, 48, 1], [-1, 8])
    assert found["layers"]["QUANTIZE"] == found["layers"]["DEQUANTIZE"]
    # A pair for each kernel, and for each input; two convolutions may share one.
    assert found["layers"]["QUANTIZE"] > 1.5 * found["layers"]["CONVOLUTION"]


def test_a_quantized_bias_is_refused_with_the_parsers_reason(
    environment: Path, files: Path, tmp_path: Path
) -> None:
    import onnx  # noqa: PLC0415

    model = onnx.load(files / "model-int8.onnx")
    path = tmp_path / "bias.onnx"
    onnx.save(with_quantized_bias(model), path)

    with pytest.raises(ModelError, match=r"(?s)TensorRT cannot read the ONNX model: .*[Ii]nt32"):
        built(environment, path, "int8")


def with_quantized_bias(model: Any) -> Any:
    """The model with one bias as ONNX Runtime quantizes it by default: int32, dequantized."""
    from onnx import helper, numpy_helper  # noqa: PLC0415

    graph = model.graph
    convolution = next(node for node in graph.node if node.op_type == "Conv")
    bias = next(value for value in graph.initializer if value.name == convolution.input[2])
    codes = np.round(numpy_helper.to_array(bias) / 1e-4).astype(np.int32)
    for name, values in (("codes", codes), ("scale", np.float32(1e-4)), ("zero", np.int32(0))):
        graph.initializer.append(numpy_helper.from_array(np.asarray(values), f"bias_{name}"))
    inputs = ["bias_codes", "bias_scale", "bias_zero"]
    node = helper.make_node("DequantizeLinear", inputs, ["bias_values"], name="bias")
    graph.node.insert(0, node)
    convolution.input[2] = "bias_values"
    return model


def test_float16_is_refused_where_types_come_from_the_file(environment: Path, files: Path) -> None:
    with pytest.raises(ModelError, match="cannot make float16 of float32"):
        built(environment, files / "model-float32.onnx", "float16")


def test_what_is_no_model_is_refused_with_the_parsers_reason(
    environment: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.onnx").write_bytes(b"not a model\n" * 99)

    with pytest.raises(ModelError, match=r"TensorRT cannot read|not an ONNX model"):
        built(environment, tmp_path / "text.onnx", "float32")


def test_cuda_itself_says_that_there_is_no_gpu(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NVIDIA's own libcudart behind the agent's calls; with a GPU they tell its name."""
    (library,) = environment.glob("lib/*/site-packages/nvidia/cuda_runtime/lib/libcudart.so.*")
    monkeypatch.setattr(cuda, "library_places", lambda: iter([str(library)]))

    if Path("/dev/nvidiactl").exists():
        assert cuda.Cuda().gpu().capability >= (5, 0)
    else:
        with pytest.raises(ModelError, match=r"cudaGetDeviceCount failed: .*CUDA error (35|100)"):
            cuda.Cuda()
