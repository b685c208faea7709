"""Memory of the GPU and a stream of work for it, through CUDA's own runtime library.

`libcudart` comes with JetPack and with TensorRT's wheels; a dozen of its functions are all that
is needed, so no further package stands between.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.errors import ModelError

_NAMES: Final = ("libcudart.so", "libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0")
_FOLDERS: Final = ("/usr/local/cuda/lib64", "/usr/local/cuda/targets/aarch64-linux/lib")

_TO_DEVICE: Final = 1  # cudaMemcpyHostToDevice
_TO_HOST: Final = 2  # cudaMemcpyDeviceToHost
_PROCESSORS: Final = 16  # cudaDevAttrMultiProcessorCount
_MAJOR: Final = 75  # cudaDevAttrComputeCapabilityMajor
_MINOR: Final = 76
_PROPERTIES: Final = 16 << 10  # bytes, more than cudaDeviceProp has in any release (about 1000)
_NAME: Final = 256  # bytes; the name is the first field in all of them

_Pointer = ctypes.c_void_p
_SIGNATURES: Final[dict[str, tuple[Any, ...]]] = {
    "cudaGetDeviceCount": (ctypes.POINTER(ctypes.c_int),),
    "cudaGetDeviceProperties": (_Pointer, ctypes.c_int),
    "cudaDeviceGetAttribute": (ctypes.POINTER(ctypes.c_int), ctypes.c_int, ctypes.c_int),
    "cudaMalloc": (ctypes.POINTER(_Pointer), ctypes.c_size_t),
    "cudaFree": (_Pointer,),
    "cudaMemcpyAsync": (_Pointer, _Pointer, ctypes.c_size_t, ctypes.c_int, _Pointer),
    "cudaStreamCreate": (ctypes.POINTER(_Pointer),),
    "cudaStreamSynchronize": (_Pointer,),
    "cudaStreamDestroy": (_Pointer,),
}


class Gpu(NamedTuple):
    """The GPU that engines are built for and run on: the first of the machine."""

    name: str
    capability: tuple[int, int]
    """Compute capability, as (8, 7) for Orin."""
    processors: int
    """Streaming multiprocessors; boards of one name differ in it."""

    def __str__(self) -> str:
        return f"{self.name} (compute capability {self.capability[0]}.{self.capability[1]})"


class Cuda:
    """CUDA's runtime on the first GPU; belongs to one thread at a time."""

    def __init__(self) -> None:
        """Load the first library that there is; raises `ModelError` for none, and for no GPU."""
        self._library = _load(library_places())
        self._library.cudaGetErrorString.restype = ctypes.c_char_p
        self._library.cudaGetErrorString.argtypes = (ctypes.c_int,)
        for name, arguments in _SIGNATURES.items():
            getattr(self._library, name).argtypes = arguments
        count = ctypes.c_int()
        self.call("cudaGetDeviceCount", ctypes.byref(count))
        if not count.value:
            raise ModelError("CUDA finds no NVIDIA GPU on this machine")

    def gpu(self) -> Gpu:
        """The first GPU's name and what it is."""
        properties = ctypes.create_string_buffer(_PROPERTIES)
        self.call("cudaGetDeviceProperties", properties, 0)
        name = properties.raw[:_NAME].split(b"\0", 1)[0].decode(errors="replace")
        return Gpu(
            name, (self._attribute(_MAJOR), self._attribute(_MINOR)), self._attribute(_PROCESSORS)
        )

    def _attribute(self, number: int) -> int:
        value = ctypes.c_int()
        self.call("cudaDeviceGetAttribute", ctypes.byref(value), number, 0)
        return value.value

    def stream(self) -> Stream:
        """A new queue of work."""
        handle = _Pointer()
        self.call("cudaStreamCreate", ctypes.byref(handle))
        return Stream(self, handle)

    def buffer(self, size: int) -> Buffer:
        """New memory of that many bytes on the GPU; raises `ModelError` where it is full."""
        address = _Pointer()
        self.call("cudaMalloc", ctypes.byref(address), size)
        return Buffer(self, address)

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function; raises `ModelError` with CUDA's words for the code that it returns."""
        code = getattr(self._library, name)(*arguments)
        if code:
            words = self._library.cudaGetErrorString(code).decode(errors="replace")
            raise ModelError(f"{name} failed: {words} (CUDA error {code})")


class Stream:
    """Work that the GPU does in the order it was given."""

    def __init__(self, cuda: Cuda, handle: _Pointer) -> None:
        self._cuda = cuda
        self._handle: _Pointer | None = handle

    @property
    def handle(self) -> int:
        """As CUDA and TensorRT take it."""
        if self._handle is None:
            raise RuntimeError("a stream was used after close")
        return self._handle.value or 0

    def wait(self) -> None:
        """Until everything queued is done; raises `ModelError` for what failed on the GPU."""
        self._cuda.call("cudaStreamSynchronize", self.handle)

    def close(self) -> None:
        """Give it back; calling it again does nothing."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            self._cuda.call("cudaStreamDestroy", handle)


class Buffer:
    """Memory on the GPU."""

    def __init__(self, cuda: Cuda, address: _Pointer) -> None:
        self._cuda = cuda
        self._address: _Pointer | None = address

    @property
    def address(self) -> int:
        """As CUDA and TensorRT take it."""
        if self._address is None or self._address.value is None:
            raise RuntimeError("GPU memory was used after close")
        return self._address.value

    def write(self, values: npt.NDArray[np.float32], stream: Stream) -> None:
        """Queue a copy of the array to the GPU; keep the array until the stream is done."""
        self._copy(self.address, values.ctypes.data, values.nbytes, _TO_DEVICE, stream)

    def read(self, values: npt.NDArray[np.float32], stream: Stream) -> None:
        """Queue a copy from the GPU that fills the array once the stream is done."""
        self._copy(values.ctypes.data, self.address, values.nbytes, _TO_HOST, stream)

    def _copy(self, target: int, source: int, size: int, direction: int, stream: Stream) -> None:
        self._cuda.call("cudaMemcpyAsync", target, source, size, direction, stream.handle)

    def close(self) -> None:
        """Give it back; calling it again does nothing."""
        if self._address is not None:
            address, self._address = self._address, None
            self._cuda.call("cudaFree", address)


def _load(libraries: Iterable[str]) -> ctypes.CDLL:
    for place in libraries:
        try:
            return ctypes.CDLL(place)
        except OSError:
            continue
    raise ModelError(
        "CUDA's runtime library (libcudart) is not found: JetPack brings it as cuda-cudart, "
        "`pip install tensorrt` along with TensorRT"
    )


def library_places() -> Iterator[str]:
    """Where the library may be: the loader's path, the toolkit, and NVIDIA's Python packages."""
    yield from _NAMES
    yield from (str(Path(folder, name)) for folder in _FOLDERS for name in _NAMES)
    packages = importlib.util.find_spec("nvidia")
    for folder in (packages.submodule_search_locations if packages else None) or ():
        yield from sorted(map(str, Path(folder).glob("*/lib/libcudart.so*")), reverse=True)
