"""TensorRT and the GPU of this machine: where engines come from and where they run."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from time import monotonic
from typing import Any

from agent.errors import ModelError
from agent.runtimes.tensorrt import cache
from agent.runtimes.tensorrt.building import EnginePrecision, PrecisionError, build_engine
from agent.runtimes.tensorrt.chips import require_fast
from agent.runtimes.tensorrt.cuda import Cuda
from agent.runtimes.tensorrt.engine_file import EngineKey
from agent.runtimes.tensorrt.library import listen, load_tensorrt, made
from agent.runtimes.tensorrt.session import Session

logger = logging.getLogger(__name__)


class Machine:
    """A machine with TensorRT and an NVIDIA GPU."""

    def __init__(self) -> None:
        """Load TensorRT and CUDA; raises `ModelError` for what is missing."""
        self._trt = load_tensorrt()
        self._cuda = Cuda()
        self._listener = listen(self._trt)
        self.gpu = self._cuda.gpu()

    def key(self, onnx_sha256: str, precision: EnginePrecision) -> EngineKey:
        """What an engine of an ONNX file with that hash depends on here."""
        return EngineKey(onnx_sha256, self.gpu, str(self._trt.__version__), precision)

    def build(self, onnx: Path, precision: EnginePrecision) -> tuple[EngineKey, bytes]:
        """The engine of an ONNX file, from the cache or built now, which takes up to minutes.

        Raises `PrecisionError` for a precision that cannot be had here, `ModelError`, naming the
        file, for one that cannot be built.
        """
        content = onnx.read_bytes()
        key = self.key(hashlib.sha256(content).hexdigest(), precision)
        engine = cache.load(key)
        if engine is not None:
            return key, engine
        logger.info("building a TensorRT engine, %s; this can take minutes, once", key)
        began = monotonic()
        try:
            require_fast(self._trt, made(self._trt.Builder, self._listener), self.gpu, precision)
            engine = build_engine(self._trt, self._listener, content, precision)
        except PrecisionError:
            raise
        except ModelError as error:
            raise ModelError(f"{onnx}: {error}") from None
        logger.info("built in %.1f s", monotonic() - began)
        cache.store(key, engine)
        return key, engine

    def session(self, engine: bytes) -> Session:
        """The engine, ready to run; raises `ModelError` where TensorRT does not take it."""
        runtime = made(self._trt.Runtime, self._listener)
        loaded: Any = runtime.deserialize_cuda_engine(engine)
        if loaded is None:
            raise ModelError(f"TensorRT cannot load the engine: {self._listener.told()}")
        return Session(self._trt, loaded, self._cuda, self._listener)
