"""Which of a model's files an engine starts from; needs no TensorRT to tell."""

from __future__ import annotations

from agent.emotion.manifest import Manifest, ModelFile, Precision


def source_file(manifest: Manifest, precision: Precision) -> ModelFile | None:
    """The ONNX file to build an engine of that precision from, or None where the model has none.

    TensorRT makes float16 of float32 itself; a quantized file is what it is.
    """
    return manifest.file_for("onnx", "float32" if precision == "float16" else precision)
