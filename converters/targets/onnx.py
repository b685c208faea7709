"""ONNX files, which ONNX Runtime, OpenVINO and TensorRT read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from agent.emotion.manifest import Manifest, Precision
from agent.errors import ModelError
from agent.runtimes.onnx import OnnxRuntime
from agent.runtimes.runtime import EmotionRuntime
from converters.targets.target import Artifact, Task

OPSET: Final = 13
"""The first that can quantize each channel by a scale of its own; TensorRT 8 knows it whole."""


class OnnxTarget:
    """Files for any number of faces, input `image` (N x side x side x 1) and output `logits`."""

    name = "onnx"

    def convert(self, task: Task, folder: Path) -> list[Artifact]:
        """Write `model-float32.onnx` and `model-int8.onnx`."""
        artifacts = []
        makers: dict[Precision, Callable[[Task], Path]] = {
            "float32": float_onnx,
            "int8": quantized_onnx,
        }
        for precision, make in makers.items():
            if precision in task.wanted:
                path = folder / f"model-{precision}.onnx"
                path.write_bytes(make(task).read_bytes())
                artifacts.append(Artifact(path.name, self.name, precision))
        return artifacts

    def open(self, manifest: Manifest, folder: Path, precision: Precision) -> EmotionRuntime:
        """ONNX Runtime on one thread, as in the agent."""
        return OnnxRuntime(manifest, folder, precision, threads=1)


def quantized_onnx(task: Task) -> Path:
    """The int8 ONNX file as TensorRT reads it, made once for all targets that start from it."""
    path = task.work / "int8.onnx"
    if not path.exists():
        from converters.targets.quantization import quantize  # noqa: PLC0415

        quantize(float_onnx(task), path, task)
    return path


def float_onnx(task: Task) -> Path:
    """The float32 ONNX file of the network, made once for all targets that start from it."""
    path = task.work / "float32.onnx"
    if not path.exists():
        path.write_bytes(_converted(task))
    return path


def _converted(task: Task) -> bytes:
    import onnx  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415
    import tf2onnx  # noqa: PLC0415

    side = task.preprocessing.side
    signature = [tf.TensorSpec((None, side, side, 1), tf.float32, name="image")]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def network(image: Any) -> Any:
        return tf.identity(task.model(image, training=False), name="logits")

    try:
        model, _ = tf2onnx.convert.from_function(network, signature, opset=OPSET)
        _name_ends(model)
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # errors of three libraries, some with pages of text
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"ONNX: the conversion failed: {reason}") from error
    return bytes(model.SerializeToString())


def _name_ends(model: Any) -> None:
    """Call the output `logits`, and the number of faces `faces`."""
    graph = model.graph
    given = graph.output[0].name
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == given:
                    names[index] = "logits"
    graph.output[0].name = "logits"
    for tensor in (graph.input[0], graph.output[0]):
        tensor.type.tensor_type.shape.dim[0].dim_param = "faces"
