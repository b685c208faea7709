"""Which NVIDIA chips calculate faster in fewer bits, by compute capability.

After the hardware table of TensorRT's support matrix; its releases up to 10 answer for the GPU
that they run on, and are asked first.
"""

from __future__ import annotations

from typing import Any

from agent.runtimes.tensorrt.building import EnginePrecision, PrecisionError
from agent.runtimes.tensorrt.cuda import Gpu


def require_fast(trt: Any, builder: Any, gpu: Gpu, precision: EnginePrecision) -> None:
    """Raise `PrecisionError` for int8 on a chip without fast int8: it would only lose accuracy.

    float16 passes everywhere: TensorRT keeps float32 where that is faster.
    """
    if precision != "int8" or _fast_int8(builder, gpu):
        return
    other = "float16" if hasattr(trt.BuilderFlag, "FP16") else "float32"
    raise PrecisionError(
        f"{gpu} has no fast int8, which would be slower than float and less accurate: "
        f"set runtime.precision to {other}"
    )


def _fast_int8(builder: Any, gpu: Gpu) -> bool:
    if hasattr(builder, "platform_has_fast_int8"):
        return bool(builder.platform_has_fast_int8)
    # Four int8 products at once came with 6.1 (DP4A); the Jetson TX2 (6.2) does not have it.
    return gpu.capability >= (6, 1) and gpu.capability != (6, 2)
