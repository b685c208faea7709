"""TFLite files: floats, and int8 by calibration after training (Jacob et al. 2018).

TensorFlow is imported by the functions that need it, so that naming the targets costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from agent.emotion.manifest import Manifest, Precision
from agent.errors import ModelError
from agent.runtimes.litert import load_interpreter
from agent.runtimes.runtime import EmotionRuntime
from agent.runtimes.tflite import TfliteRuntime
from converters.targets.target import Artifact, Task

PRECISIONS: Final[tuple[Precision, ...]] = (
    *("int8", "int8-float-io", "dynamic", "float16", "float32"),
)


class TfliteTarget:
    """Files with batch 1, input `image` and output `logits`."""

    name = "tflite"

    def convert(self, task: Task, folder: Path) -> list[Artifact]:
        """Write `model-int8.tflite` and so on, one for each precision."""
        artifacts = []
        for precision in PRECISIONS:
            if precision in task.wanted:
                path = folder / f"model-{precision}.tflite"
                path.write_bytes(tflite_file(task, precision).read_bytes())
                artifacts.append(Artifact(path.name, self.name, precision))
        return artifacts

    def open(self, manifest: Manifest, folder: Path, precision: Precision) -> EmotionRuntime:
        """LiteRT on one thread, as in the agent."""
        return TfliteRuntime(manifest, folder, precision, threads=1)


def tflite_file(task: Task, precision: Precision) -> Path:
    """The network as a TFLite file, made once for all targets that start from it."""
    path = task.work / f"{precision}.tflite"
    if not path.exists():
        path.write_bytes(_converted(task, precision))
        if precision == "int8":
            _check_input(path, task)
    return path


def _converted(task: Task, precision: Precision) -> bytes:
    import tensorflow as tf  # noqa: PLC0415

    side = task.preprocessing.side

    @tf.function(input_signature=[tf.TensorSpec((1, side, side, 1), tf.float32, name="image")])  # type: ignore[untyped-decorator]
    def network(image: Any) -> dict[str, Any]:
        return {"logits": task.model(image, training=False)}

    owner = tf.Module()  # the converter saves the variables of what it is given
    owner.variables_used = [variable.value for variable in task.model.variables]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [network.get_concrete_function()], owner
    )
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision in ("int8", "int8-float-io"):
        converter.representative_dataset = lambda: _samples(task)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if precision == "int8":
        converter.inference_input_type = tf.int8
        # The last layer gives int8 in any case: a float output would only add one operation.
        converter.inference_output_type = tf.int8
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter raises errors of many kinds, some with pages of text
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"TFLite {precision}: the conversion failed: {reason}") from error


def _samples(task: Task) -> Iterator[list[Any]]:
    for values in task.preprocessing.normalise(task.calibration):
        yield [values[None]]


def _check_input(path: Path, task: Task) -> None:
    """Every pixel value must keep a code of its own: one step of the input is one grey level."""
    details = load_interpreter(path).get_input_details()[0]
    scale, zero_point = details["quantization"]
    expected = (1 / task.preprocessing.divisor, round(task.preprocessing.offset) - 128)
    if (scale, zero_point) != expected:
        raise ModelError(
            f"{path.name}: input scale {scale:g} and zero point {zero_point} instead of "
            f"{expected[0]:g} and {expected[1]}: black or white is missing in the calibration"
        )
