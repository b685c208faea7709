"""Opens the expression model that the settings ask for, on the engine that fits this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from agent.emotion import manifest as manifests
from agent.emotion.manifest import Manifest, Precision
from agent.errors import EngineMissingError, ModelError
from agent.runtimes.catalogue import find_model
from agent.runtimes.runtime import EmotionRuntime
from agent.runtimes.tensorrt.source import source_file
from agent.settings import RuntimeSettings

logger = logging.getLogger(__name__)

Health = Callable[[str], None]
"""Is told `ok`, or what ails a runtime in a few words; from any thread."""

Engine = Callable[[Manifest, Path, Precision, int], EmotionRuntime]
"""Builds a runtime from manifest, folder, precision and number of threads."""


class OpenedModel(NamedTuple):
    """A runtime, ready to predict, and the manifest of the model that it runs."""

    runtime: EmotionRuntime
    manifest: Manifest


def open_runtime(settings: RuntimeSettings, health: Health = lambda _: None) -> OpenedModel:
    """Find the model, check it, load it; `health` is told of engines that can ail later.

    Raises `ModelError` with one line for an unknown model, a file that is missing, changed,
    damaged or not what its manifest says, and an engine that is not installed. With `auto`, only
    where no engine loads.
    """
    folder = find_model(settings.model)
    manifest = manifests.read(folder)
    if settings.kind == "auto":
        runtime, why = _fastest(manifest, folder, settings)
    elif settings.kind == "mms":
        runtime, why = _open_mms(manifest, folder, settings, health), "as set"
    else:
        open_engine = ENGINES[settings.kind]
        runtime = open_engine(manifest, folder, settings.precision, settings.threads)
        why = "as set"
    logger.info(
        "expression model %s, %s, runs on %s (%s), %d thread(s)",
        manifest.model_id,
        settings.precision,
        runtime.kind,
        why,
        settings.threads,
    )
    return OpenedModel(runtime, manifest)


def _fastest(
    manifest: Manifest, folder: Path, settings: RuntimeSettings
) -> tuple[EmotionRuntime, str]:
    """The first engine that has a file and loads, and why it is that one."""
    passed: list[str] = []
    for kind, open_engine in ENGINES.items():
        if not _has_file(manifest, kind, settings.precision):
            passed.append(f"{kind} has no {settings.precision} file")
            continue
        try:
            runtime = open_engine(manifest, folder, settings.precision, settings.threads)
        except EngineMissingError as missing:
            passed.append(f"{kind} is not installed")
            logger.debug("%s is passed over: %s", kind, missing)
            continue
        except ModelError as error:
            passed.append(f"{kind} does not load: {error}")
            continue
        return runtime, "; ".join(["auto: the fastest that loads here", *passed])
    raise ModelError(f"{folder}: no engine can run this model: {'; '.join(passed)}")


def _has_file(manifest: Manifest, kind: str, precision: Precision) -> bool:
    if manifest.file_for(kind, precision):
        return True
    return kind == "tensorrt" and source_file(manifest, precision) is not None


def _open_tensorrt(
    manifest: Manifest,
    folder: Path,
    precision: Precision,
    threads: int,  # noqa: ARG001 - the GPU has its own
) -> EmotionRuntime:
    from agent.runtimes.tensorrt.runtime import TensorRtRuntime  # noqa: PLC0415

    return TensorRtRuntime(manifest, folder, precision)


def _open_tflite(
    manifest: Manifest, folder: Path, precision: Precision, threads: int
) -> EmotionRuntime:
    from agent.runtimes.tflite import TfliteRuntime  # noqa: PLC0415 - an engine loads when chosen

    return TfliteRuntime(manifest, folder, precision, threads)


def _open_onnx(
    manifest: Manifest, folder: Path, precision: Precision, threads: int
) -> EmotionRuntime:
    from agent.runtimes.onnx import OnnxRuntime  # noqa: PLC0415

    return OnnxRuntime(manifest, folder, precision, threads)


def _open_openvino(
    manifest: Manifest, folder: Path, precision: Precision, threads: int
) -> EmotionRuntime:
    from agent.runtimes.openvino import OpenvinoRuntime  # noqa: PLC0415

    return OpenvinoRuntime(manifest, folder, precision, threads)


def _open_mms(
    manifest: Manifest, folder: Path, settings: RuntimeSettings, health: Health
) -> EmotionRuntime:
    from agent.runtimes.mms.runtime import MmsRuntime  # noqa: PLC0415

    local = _open_tflite(manifest, folder, settings.precision, settings.threads)
    return MmsRuntime(manifest, local, settings.mms, health)


ENGINES: Final[dict[str, Engine]] = {
    "tensorrt": _open_tensorrt,
    "tflite": _open_tflite,
    "openvino": _open_openvino,
    "onnx": _open_onnx,
}
"""Engines of this machine by their name in the settings, the fastest first."""
