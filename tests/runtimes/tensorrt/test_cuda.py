from __future__ import annotations

import ctypes

import numpy as np
import pytest

from agent.errors import ModelError
from agent.runtimes.tensorrt import cuda
from agent.runtimes.tensorrt.cuda import Cuda, Gpu


def test_the_gpu_is_told_with_its_capability(cudart: ctypes.CDLL) -> None:
    cudart.stand_in_gpu(b"NVIDIA Tegra X1", 5, 3, 1)

    gpu = Cuda().gpu()

    assert gpu == Gpu("NVIDIA Tegra X1", (5, 3), 1)
    assert str(gpu) == "NVIDIA Tegra X1 (compute capability 5.3)"


def test_what_goes_to_the_gpu_comes_back_once_the_stream_is_done(cudart: ctypes.CDLL) -> None:
    given = np.arange(12, dtype=np.float32)
    came = np.zeros_like(given)
    device = Cuda()
    stream, buffer = device.stream(), device.buffer(given.nbytes)

    buffer.write(given, stream)
    buffer.read(came, stream)
    assert not came.any()
    stream.wait()

    np.testing.assert_array_equal(came, given)
    for opened in (buffer, stream):
        opened.close()
        opened.close()


def test_more_than_fits_is_an_error(cudart: ctypes.CDLL) -> None:
    device = Cuda()
    stream, buffer = device.stream(), device.buffer(16)

    with pytest.raises(ModelError, match="cudaMemcpyAsync failed: invalid argument"):
        buffer.write(np.zeros(5, np.float32), stream)

    buffer.close()
    stream.close()


def test_closed_memory_and_streams_are_not_used(cudart: ctypes.CDLL) -> None:
    device = Cuda()
    stream, buffer = device.stream(), device.buffer(16)
    buffer.close()
    stream.close()

    with pytest.raises(RuntimeError, match="after close"):
        _ = buffer.address
    with pytest.raises(RuntimeError, match="after close"):
        stream.wait()


def test_a_machine_without_a_gpu_is_told_in_one_line(cudart: ctypes.CDLL) -> None:
    cudart.stand_in_fail(b"cudaGetDeviceCount", 100)
    with pytest.raises(ModelError, match=r"no CUDA-capable device is detected \(CUDA error 100\)"):
        Cuda()

    cudart.stand_in_reset()
    cudart.stand_in_devices(0)
    with pytest.raises(ModelError, match="no NVIDIA GPU"):
        Cuda()


def test_a_full_gpu_is_told(cudart: ctypes.CDLL) -> None:
    device = Cuda()
    cudart.stand_in_fail(b"cudaMalloc", 2)

    with pytest.raises(ModelError, match=r"cudaMalloc failed: out of memory \(CUDA error 2\)"):
        device.buffer(16)


def test_a_machine_without_cuda_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "library_places", lambda: iter(["libcudart-none.so"]))

    with pytest.raises(ModelError, match=r"libcudart.* is not found: JetPack brings it"):
        Cuda()
