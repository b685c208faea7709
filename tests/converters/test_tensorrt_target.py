"""Conversion to TensorRT engines, on stand-ins; `tests/gpus/stand_in.py` says what they are."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.emotion import manifest as manifests
from agent.errors import ModelError
from converters.cli import main
from converters.conversion import Job, convert
from converters.targets.onnx import OnnxTarget
from converters.targets.target import Artifact, Skipped, Task
from converters.targets.tensorrt import TensorRtTarget
from tests.gpus.machine import cudart, cudart_file, machine

__all__ = ["cudart", "cudart_file", "machine"]

With = Callable[[str], Any]
NEEDS = "needs an NVIDIA GPU with TensorRT: "


def made(task: Task, folder: Path) -> list[Artifact | Skipped]:
    return list(TensorRtTarget().convert(task, folder))


def test_engines_pass_the_parity_gate_and_are_published(machine: With, fresh: Job) -> None:
    machine("10.3.0")
    job = replace(fresh, targets=[OnnxTarget(), TensorRtTarget()])

    report = convert(job, lambda _: None)

    assert report.complaints == []
    found = {
        file.artifact.file: file for file in report.files if file.artifact.runtime == "tensorrt"
    }
    assert set(found) == {f"model-{p}.engine" for p in ("int8", "float16", "float32")}
    assert found["model-int8.engine"].parity.agreement > 0.98
    assert found["model-float32.engine"].parity.agreement > 0.999
    entry = manifests.read(job.out).file_for("tensorrt", "int8")
    assert entry is not None
    manifests.checked_file(manifests.read(job.out), job.out, "tensorrt", "int8")


def test_without_tensorrt_it_is_skipped_and_the_rest_is_made(
    fresh: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)

    report = convert(replace(fresh, targets=[OnnxTarget(), TensorRtTarget()]), lambda _: None)

    (skipped,) = report.skipped
    assert skipped.what == "tensorrt"
    assert skipped.reason.startswith(f"{NEEDS}no TensorRT can be loaded by Python")
    assert re.search(f"^tensorrt +skipped: {NEEDS}", report.text(), re.MULTILINE)
    assert [file.artifact.runtime for file in report.files] == ["onnx", "onnx"]


def test_without_a_gpu_it_is_skipped(
    machine: With, cudart: ctypes.CDLL, task: Task, tmp_path: Path
) -> None:
    machine("10.3.0")
    cudart.stand_in_fail(b"cudaGetDeviceCount", 100)

    (skipped,) = made(task, tmp_path)

    assert isinstance(skipped, Skipped)
    assert skipped.reason.startswith(f"{NEEDS}cudaGetDeviceCount failed: no CUDA-capable device")


def test_what_this_tensorrt_or_gpu_has_not_is_skipped_by_precision(
    machine: With, cudart: ctypes.CDLL, task: Task, tmp_path: Path
) -> None:
    machine("11.4.0")
    cudart.stand_in_gpu(b"Tegra X1", 5, 3, 1)

    results = made(task, tmp_path)

    reasons = {each.what: each.reason for each in results if isinstance(each, Skipped)}
    assert set(reasons) == {"tensorrt int8", "tensorrt float16"}
    assert "has no fast int8" in reasons["tensorrt int8"]
    assert "cannot make float16 of float32" in reasons["tensorrt float16"]
    assert [each.file for each in results if isinstance(each, Artifact)] == ["model-float32.engine"]


def test_only_the_wanted_precisions_are_built(machine: With, task: Task, tmp_path: Path) -> None:
    trt = machine("10.3.0")

    made(replace(task, wanted=("int8", "dynamic")), tmp_path)

    assert trt.builds == 1
    assert [path.name for path in tmp_path.glob("*.engine")] == ["model-int8.engine"]


def test_a_file_that_cannot_be_built_is_an_error_and_not_skipped(
    machine: With, task: Task, tmp_path: Path
) -> None:
    machine("10.3.0")
    work = tmp_path / "work"
    work.mkdir()
    (work / "float32.onnx").write_bytes(b"not a model")

    with pytest.raises(ModelError, match=r"float32\.onnx: TensorRT cannot read"):
        made(replace(task, work=work, wanted=("float32",)), tmp_path)


def test_the_command_brings_the_onnx_files_along_and_prints_trtexecs(
    fresh: Job, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    options = ["--data", str(fresh.data), "--name", "tiny", "--version", "2.0.0"]

    assert main([str(fresh.model), "--to", "tensorrt", "--out", str(fresh.out), *options]) == 0

    printed = capfd.readouterr().out
    assert f"skipped: {NEEDS}no TensorRT can be loaded" in printed
    for name in ("model-int8.onnx", "model-float32.onnx"):
        assert (fresh.out / name).exists()
        assert f"  trtexec --onnx={fresh.out / name} --saveEngine=" in printed
