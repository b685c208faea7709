"""Finds TensorRT, which is not on every machine, and hears what it has to say.

Everything in this package takes the module as an argument, `trt`, and asks it what it can do
instead of which version it is: the same code serves all releases.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

from agent.errors import EngineMissingError, ModelError

logger = logging.getLogger(__name__)

WANTED: Final = (
    "on a Jetson `apt-get install python3-libnvinfer` and make the virtual environment with "
    "--system-site-packages; elsewhere `pip install tensorrt`"
)
"""What to do where TensorRT is missing."""


def load_tensorrt() -> Any:
    """TensorRT's Python module; raises `EngineMissingError` where it cannot be loaded."""
    try:
        import tensorrt  # noqa: PLC0415 - the absolute name: not this package
    except (ImportError, OSError) as absent:
        version = ".".join(map(str, sys.version_info[:2]))
        raise EngineMissingError(
            f"no TensorRT can be loaded by Python {version} ({absent}): {WANTED}"
        ) from None
    return tensorrt


def listen(trt: Any) -> Any:
    """A TensorRT logger that passes all on for debugging, and remembers errors for `told`."""
    errors = (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR)

    class Listener(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)  # the binding asks for this spelling
            self._errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            line = " ".join(message.split())
            logger.debug("TensorRT: %s", line)
            if severity in errors:
                self._errors.append(line)

        def told(self) -> str:
            """The errors since the last call, in one line."""
            reasons = "; ".join(self._errors) or "it gave no reason"
            self._errors.clear()
            return reasons

    return Listener()


def made(kind: Any, listener: Any) -> Any:
    """A `Builder` or `Runtime`; raises `ModelError` where the library gives none, as it does
    without a working driver.
    """
    try:
        return kind(listener)
    except TypeError:  # what the binding makes of a null pointer
        raise ModelError(f"TensorRT does not start: {listener.told()}") from None
