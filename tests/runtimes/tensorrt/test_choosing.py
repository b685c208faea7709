"""`runtime.kind = "auto"` where TensorRT is, and where it is not."""

from __future__ import annotations

import ctypes
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.emotion.manifest import Manifest
from agent.errors import ModelError
from agent.runtimes.opening import open_runtime
from agent.settings import RuntimeSettings

With = Callable[[str], Any]


@pytest.mark.parametrize("precision", ["int8", "float16", "float32"])
def test_auto_takes_tensorrt_where_it_loads(
    machine: With,
    tiny: tuple[Path, Manifest],
    caplog: pytest.LogCaptureFixture,
    precision: str,
) -> None:
    machine("10.3.0")
    settings = RuntimeSettings.model_validate({"model": str(tiny[0]), "precision": precision})

    with caplog.at_level(logging.INFO):
        runtime = open_runtime(settings).runtime
    runtime.close()

    assert runtime.kind == "tensorrt"
    assert f"{precision}, runs on tensorrt (auto: the fastest that loads here)" in caplog.text


def test_auto_goes_on_and_says_why_where_tensorrt_is_missing(
    tiny: tuple[Path, Manifest],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)

    with caplog.at_level(logging.DEBUG):
        runtime = open_runtime(RuntimeSettings(model=str(tiny[0]))).runtime

    assert runtime.kind == "tflite"
    told = {record.levelno: record.getMessage() for record in caplog.records}
    assert "(auto: the fastest that loads here; tensorrt is not installed)" in told[logging.INFO]
    assert "apt-get install python3-libnvinfer" in told[logging.DEBUG]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("no GPU", "no CUDA-capable device"), ("slow int8", "has no fast int8"), ("full", "memory")],
)
def test_auto_goes_on_and_says_why_where_tensorrt_cannot(
    machine: With,
    cudart: ctypes.CDLL,
    tiny: tuple[Path, Manifest],
    caplog: pytest.LogCaptureFixture,
    fault: str,
    reason: str,
) -> None:
    trt = machine("10.3.0")
    if fault == "no GPU":
        cudart.stand_in_fail(b"cudaGetDeviceCount", 100)
    elif fault == "slow int8":
        trt.Builder._fast_int8 = False
    else:
        cudart.stand_in_fail(b"cudaMalloc", 2)

    with caplog.at_level(logging.INFO):
        runtime = open_runtime(RuntimeSettings(model=str(tiny[0]))).runtime

    assert runtime.kind == "tflite"
    assert "tensorrt does not load: " in caplog.text
    assert reason in caplog.text


def test_tensorrt_by_name_is_not_replaced_by_another_engine(
    tiny: tuple[Path, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)

    with pytest.raises(ModelError, match="no TensorRT can be loaded"):
        open_runtime(RuntimeSettings(model=str(tiny[0]), kind="tensorrt"))
