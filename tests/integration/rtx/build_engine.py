"""Builds an engine with TensorRT for RTX, NVIDIA's own parser and builder, which need no GPU.

    build/tensorrt-rtx/bin/python tests/integration/rtx/build_engine.py model.onnx int8

Everything but the choice of a GPU is the agent's own building. Prints what came out as JSON.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import tensorrt_rtx_bindings as trt

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # no package of the project is here

from agent.errors import ModelError
from agent.runtimes.tensorrt.building import configure, parse, serialize
from agent.runtimes.tensorrt.library import listen, made


def main(onnx: str, precision: Any) -> int:
    try:
        print(json.dumps(build(Path(onnx).read_bytes(), precision)))
    except ModelError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def build(onnx: bytes, precision: Any) -> dict[str, Any]:
    """Build for an RTX 30 (compute capability 8.6); the builder knows no Jetson."""
    listener = listen(trt)
    builder = made(trt.Builder, listener)
    parsed = parse(trt, listener, builder, onnx)
    network = parsed.network
    config = configure(trt, builder, network, precision)
    config.num_compute_capabilities = 1
    config.set_compute_capability(trt.ComputeCapability.SM86, 0)
    engine = serialize(builder, parsed, config, listener)
    layers = Counter(network.get_layer(i).type.name for i in range(network.num_layers))
    refused = made(trt.Runtime, listener).deserialize_cuda_engine(engine) is None
    return {
        "version": trt.__version__,
        "bytes": len(engine),
        "layers": layers,
        "input": list(network.get_input(0).shape),
        "output": list(network.get_output(0).shape),
        "profiles": config.num_optimization_profiles,
        "refused": listener.told() if refused else None,
    }


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
