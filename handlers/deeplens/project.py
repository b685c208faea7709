"""Packs the two halves of a DeepLens project: the function's zip, and the model archive for S3.

The same input gives the same bytes: sorted names, one time stamp for all, no compression.
"""

from __future__ import annotations

import gzip
import json
import tarfile
import wave
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import agent
import handlers
from agent.emotion import manifest as manifests
from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import DeviceOptimizer, Manifest
from agent.errors import AgentError, ModelError
from agent.faces.haar import CASCADE, cascade_file
from agent.feedback.audio.pcm import RATE
from agent.feedback.audio.repertoire import repertoire
from agent.feedback.audio.samples import as_pcm
from agent.quiet import output_hidden
from agent.settings import AudioSettings, Settings
from handlers.deeplens.lowering import lowered
from handlers.mms.modules import needed

MOST_PACKED: Final = 50_000_000
MOST_UNPACKED: Final = 250_000_000
"""Bytes that AWS Lambda takes."""

_SDK: Final = "greengrasssdk"
_PROGRAM: Final = Path(__file__).with_name("lambda_function.py")
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)  # of the times that a zip file can hold
_FILE_MODE: Final = 0o644
_UNIX: Final = 3


def function_files(settings: Settings, model: Path, sdk: Path) -> dict[str, bytes]:
    """The files of the function's zip by their names inside it.

    `model` is a model's folder, `sdk` the wheel of greengrasssdk. Raises `AgentError` for settings
    that a board cannot follow, and for parts that are missing or damaged.
    """
    manifest = manifests.read(model)
    return {
        "project.json": _as_json(_description(settings, manifest)),
        "labels.txt": _labels(manifest),
        CASCADE: _cascade(),
        **_code(),
        **_sounds(settings.audio),
        **_unpacked(sdk),
    }


def model_files(model: Path) -> dict[str, bytes]:
    """The files of the model archive, all for `/opt/awscam/artifacts`."""
    manifest = manifests.read(model)
    optimizer = _optimizer(manifest)
    return {
        f"{optimizer.model_name}.pb": _graph(manifest, model),
        "labels.txt": _labels(manifest),
        "mo.json": _as_json(optimizer.model_dump()),
    }


def zipped(files: dict[str, bytes]) -> bytes:
    """The files as a zip; raises `AgentError` where AWS Lambda would not take it."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.external_attr, entry.create_system = _FILE_MODE << 16, _UNIX
            archive.writestr(entry, content)
    packed = stream.getvalue()
    if len(packed) > MOST_PACKED or sum(map(len, files.values())) > MOST_UNPACKED:
        raise AgentError(f"the function has {len(packed) / 1e6:.0f} MB; AWS Lambda takes 50 MB")
    return packed


def tarred(files: dict[str, bytes]) -> bytes:
    """The files as a `.tar.gz`."""
    stream = BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), _FILE_MODE
            archive.addfile(entry, BytesIO(content))
    return gzip.compress(stream.getvalue(), compresslevel=0, mtime=0)


def _description(settings: Settings, manifest: Manifest) -> dict[str, Any]:
    if settings.emotion.prior != "training":
        raise AgentError("emotion.prior: a DeepLens reads under the training data's shares only")
    faces = settings.faces.model_dump() | {"detector": "haar"}
    audio = {"emotions", "min_confidence", "cooldown", "cooldown_any", "quiet_hours", "mute"}
    return {
        "settings": {
            "faces": faces,
            "emotion": settings.emotion.model_dump(exclude={"prior", "prior_strength"}),
            "audio": settings.audio.model_dump(include=audio | {"enabled", "device"}, mode="json"),
        },
        "model": manifest.model_id,
        "side": manifest.input.side,
        "crop": manifest.crop_for("haar").model_dump(),
        "labels": manifest.labels,
        "optimizer": _optimizer(manifest).model_dump(),
    }


def _optimizer(manifest: Manifest) -> DeviceOptimizer:
    entry = manifest.file_for("deeplens", "float32")
    if entry is not None and entry.optimizer is not None:
        return entry.optimizer
    from converters.targets.deeplens import optimizer_for  # noqa: PLC0415

    return optimizer_for(manifest.preprocessing)


def _graph(manifest: Manifest, model: Path) -> bytes:
    """The frozen graph that the folder holds, or one made of its Keras file."""
    if manifest.file_for("deeplens", "float32") is not None:
        return manifests.checked_file(manifest, model, "deeplens", "float32").read_bytes()
    if manifest.source is None:
        raise ModelError(
            f"{model}: has no Keras file; emotion-convert --to deeplens makes the graph"
        )
    manifests.require_unchanged(manifest.source, model)
    try:
        from converters.folding import fold  # noqa: PLC0415 - imports TensorFlow
        from converters.frozen_graph import freeze  # noqa: PLC0415
        from converters.keras_file import load_keras_file  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise AgentError(f"the graph needs {error.name}: pip install -e '.[convert]'") from None
    with output_hidden():
        network = fold(load_keras_file(model / manifest.source.file, len(manifest.labels)))
        return freeze(network, manifest.preprocessing, manifest.temperature)


def _code() -> dict[str, bytes]:
    """The function, and what it needs of this project, as Python 3.7 runs it."""
    root = Path(agent.__file__).parents[1]
    names = needed(_PROGRAM, root, agent.__name__, handlers.__name__)
    sources = {name: (root / name).read_bytes() for name in names}
    sources[_PROGRAM.name] = _PROGRAM.read_bytes()
    return {name: lowered(source, name) for name, source in sources.items()}


def _cascade() -> bytes:
    path = cascade_file()
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; reinstall OpenCV 4") from None


def _sounds(settings: AudioSettings) -> dict[str, bytes]:
    """A WAV file for each emotion, at the volume of the settings."""
    return {
        f"cues/{emotion}.wav": _wav(as_pcm(samples, settings.volume))
        for emotion, samples in repertoire(settings, EMOTIONS).items()
    }


def _wav(pcm: bytes) -> bytes:
    stream = BytesIO()
    with wave.open(stream, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(pcm)
    return stream.getvalue()


def _unpacked(sdk: Path) -> dict[str, bytes]:
    """What the wheel of the SDK holds; the core brings the rest of it at run time."""
    try:
        with zipfile.ZipFile(sdk) as wheel:
            files = {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}
    except (OSError, zipfile.BadZipFile) as error:
        raise AgentError(f"{sdk}: {error}; `make deeplens` fetches greengrasssdk") from None
    if f"{_SDK}/__init__.py" not in files:
        raise AgentError(f"{sdk}: not the wheel of {_SDK}")
    return files


def _labels(manifest: Manifest) -> bytes:
    return ("\n".join(manifest.labels) + "\n").encode()


def _as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
