"""OpenVINO's representation (IR): the network in an `.xml` file, its weights in a `.bin` file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from agent.emotion.manifest import Manifest, Precision
from agent.errors import ModelError
from agent.runtimes.openvino import OpenvinoRuntime
from agent.runtimes.runtime import EmotionRuntime
from converters.targets.onnx import float_onnx
from converters.targets.target import Artifact, Task
from converters.targets.tflite import tflite_file

PRECISIONS: Final[tuple[Precision, ...]] = ("int8", "float16", "float32")


class OpenvinoTarget:
    """IR with input `image` and output `logits`.

    The floats come from the ONNX file and take any number of faces. Int8 comes from the TFLite
    file and takes one face: so it has the very scales and integers of that file. (From the int8
    ONNX file it agrees a little less with Keras, 99.2 instead of 99.3 % for fer-compact, and is
    slower by a fifth.)
    """

    name = "openvino"

    def convert(self, task: Task, folder: Path) -> list[Artifact]:
        """Write `model-int8.xml`, `model-int8.bin` and so on, one pair for each precision."""
        import openvino  # noqa: PLC0415

        artifacts = []
        for precision in PRECISIONS:
            if precision not in task.wanted:
                continue
            start = tflite_file(task, "int8-float-io") if precision == "int8" else float_onnx(task)
            path = folder / f"model-{precision}.xml"
            try:
                model = openvino.convert_model(str(start))
                _name_ends(model)
                openvino.save_model(model, path, compress_to_fp16=precision == "float16")
            except RuntimeError as error:
                reason = " ".join(str(error).split())
                raise ModelError(
                    f"OpenVINO {precision}: the conversion failed: {reason}"
                ) from error
            weights = path.with_suffix(".bin").name
            artifacts.append(Artifact(path.name, self.name, precision, (weights,)))
        return artifacts

    def open(self, manifest: Manifest, folder: Path, precision: Precision) -> EmotionRuntime:
        """OpenVINO on one thread of the processor, as in the agent."""
        return OpenvinoRuntime(manifest, folder, precision, threads=1)


def _name_ends(model: Any) -> None:
    model.input(0).set_names({"image"})
    model.output(0).set_names({"logits"})
