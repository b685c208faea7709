"""Looks at what turns pictures into events: camera, detector, model, engine."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from time import monotonic
from typing import Final

import numpy as np

from agent.doctor.finding import Finding
from agent.emotion.manifest import checked_file
from agent.errors import AgentError, ModelError
from agent.faces.detectors import open_detector
from agent.runtimes.catalogue import installed_models
from agent.runtimes.opening import open_runtime
from agent.settings import Settings
from agent.sources.opening import open_source

_ON: Final = {
    "tflite": "CPU (LiteRT)",
    "onnx": "CPU (ONNX Runtime)",
    "openvino": "CPU (OpenVINO)",
    "tensorrt": "GPU (TensorRT)",
    "mms": "a model server",
}
"""What an engine computes on, by its name in the settings."""
_TIMES: Final = 5


def look_at_camera(settings: Settings) -> Iterator[Finding]:
    """Open the source and wait for a picture."""
    source = open_source(settings.source)
    patience = settings.source.open_timeout + settings.source.read_timeout
    began = monotonic()
    try:
        with source:
            frame = None
            while frame is None and monotonic() - began < patience:
                frame = source.read(0.25)
                if source.trouble is not None:
                    break
            waited, trouble = monotonic() - began, source.trouble
    except AgentError as error:
        yield Finding("camera", "failed", str(error), "set source.uri to what is there")
        return
    if frame is None:
        what, _, advice = (trouble or f"{source.name}: no picture").partition("; ")
        yield Finding("camera", "failed", what, advice or "check cable and power")
        return
    height, width = frame.image.shape[:2]
    words = f"{source.name}: {width} x {height} pixels, the first after {waited:.1f} s"
    if frame.image.std() < 1:
        yield Finding("camera", "warning", f"{words}, all of one colour", "take the cover off")
    else:
        yield Finding("camera", "ok", words)


def look_at_detector(settings: Settings) -> Iterator[Finding]:
    """Load the face detector and let it look at an empty picture."""
    try:
        detector = open_detector(settings.faces, settings.runtime.threads)
    except AgentError as error:
        what, _, advice = str(error).rpartition("; ")
        yield Finding("detector", "failed", what or str(error), advice)
        return
    blank = np.full((480, 640, 3), 128, np.uint8)
    times = []
    for _ in range(_TIMES):
        began = monotonic()
        detector.detect(blank)
        times.append(1000 * (monotonic() - began))
    yield Finding("detector", "ok", f"{detector.name}, {median(times):.1f} ms a picture")


def look_at_models() -> Iterator[Finding]:
    """Check the hash of every file of every model."""
    models = installed_models()
    if not models:
        yield Finding("model", "failed", "no expression model is installed", "install it again")
    for folder, manifest in models:
        wrong = []
        for file in manifest.files:
            try:
                checked_file(manifest, folder, file.runtime, file.precision)
            except ModelError as error:
                wrong.append(str(error))
        for words in wrong:
            yield Finding("model", "failed", words, "install the model again")
        if not wrong:
            files = f"{len(manifest.files)} files with the right hashes"
            yield Finding("model", "ok", f"{manifest.model_id}: {files}")


def look_at_runtime(settings: Settings) -> Iterator[Finding]:
    """Load the model on its engine and let it read a grey face."""
    try:
        runtime, manifest = open_runtime(settings.runtime)
    except AgentError as error:
        advice = "correct [runtime], or install what is missing"
        yield Finding("runtime", "failed", str(error), advice)
        return
    side = manifest.preprocessing.side
    crops = np.full((1, side, side), 128, np.uint8)
    times = []
    try:
        for _ in range(_TIMES):
            began = monotonic()
            runtime.predict(crops)
            times.append(1000 * (monotonic() - began))
    finally:
        runtime.close()
    on = _ON.get(runtime.kind, runtime.kind)
    chosen = "by itself" if settings.runtime.kind == "auto" else "as set"
    yield Finding(
        "runtime", "ok", f"{runtime.model} on {on}, chosen {chosen}, {median(times):.1f} ms a face"
    )
