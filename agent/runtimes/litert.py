"""The one place that knows which TFLite interpreter this machine has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from agent.errors import ModelError
from agent.quiet import chatter_hidden


class Interpreter(Protocol):
    """What the project uses of a TFLite interpreter; a tensor goes by its `index`."""

    def allocate_tensors(self) -> None: ...

    def get_input_details(self) -> list[dict[str, Any]]: ...

    def get_output_details(self) -> list[dict[str, Any]]: ...

    def resize_tensor_input(self, input_index: int, tensor_size: Sequence[int]) -> None: ...

    def set_tensor(self, tensor_index: int, value: npt.NDArray[np.generic]) -> None: ...

    def invoke(self) -> None: ...

    def get_tensor(self, tensor_index: int) -> npt.NDArray[Any]: ...


def load_interpreter(model: Path | bytes, threads: int = 1) -> Interpreter:
    """An interpreter with its tensors allocated, for a `.tflite` file or its content.

    Raises `ModelError` where no interpreter is installed, the file cannot be read, or it is no
    model that this interpreter can run.
    """
    name = "TFLite model" if isinstance(model, bytes) else str(model)
    try:
        content = model if isinstance(model, bytes) else model.read_bytes()
    except OSError as error:
        raise ModelError(f"{name}: {error.strerror or error}") from None
    kind = _interpreter_class()
    try:
        with chatter_hidden():  # the library tells which delegate it made, on standard error
            interpreter = cast(Interpreter, kind(model_content=content, num_threads=threads))
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{name}: not a usable TFLite model: {reason}; fetch it again") from None
    return interpreter


def _interpreter_class() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter as LiteRt  # noqa: PLC0415
    except ImportError as absent:
        try:
            from tflite_runtime.interpreter import Interpreter as TfLite  # noqa: PLC0415
        except ImportError:
            raise ModelError(
                f"no TFLite interpreter can be loaded ({absent}): `pip install ai-edge-litert`, "
                "or tflite-runtime on 32-bit ARM"
            ) from None
        return TfLite
    return LiteRt
