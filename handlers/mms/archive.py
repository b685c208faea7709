"""Writes the model archive (`.mar`) that MXNet Model Server and TorchServe serve.

The same input gives the same bytes: sorted names, one time stamp for all, and no compression, as
different versions of zlib compress differently. The servers unpack into a folder that is named by
the archive's hash.
"""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import agent
from agent import downloads
from agent.emotion import manifest as manifests
from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Manifest
from agent.errors import AgentError
from handlers.mms.emotion_handler import DETECTOR_FILE, MODEL_FOLDER
from handlers.mms.modules import needed

SUFFIX: Final = ".mar"

DETECTOR: Final = "blazeface-back"
"""Its weights are fetched, and go into the archives that are made on this machine."""

_HANDLER: Final = Path(__file__).with_name("emotion_handler.py")
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)  # of the times that a zip file can hold
_FILE_MODE: Final = 0o644 << 16
_UNIX: Final = 3


def write_archive(path: Path, model: Path) -> int:
    """Write the archive of a model's folder, whole or not at all; returns its size in bytes.

    Raises `ModelError` where a part of the model or the detector's weights is missing or damaged,
    `AgentError` where the file cannot be written.
    """
    content = packed(contents(model))
    draft = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_bytes(content)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise AgentError(f"{path}: cannot be written: {error.strerror or error}") from None
    return len(content)


def contents(model: Path) -> dict[str, bytes]:
    """The files of the archive by their names inside it."""
    manifest = manifests.read(model)
    network = manifests.checked_file(manifest, model, "tflite", "int8")
    files = {
        "MAR-INF/MANIFEST.json": _as_json(_description(manifest)),
        "signature.json": _as_json(_signature(manifest)),
        "synset.txt": "\n".join(EMOTIONS).encode(),
        _HANDLER.name: _HANDLER.read_bytes(),
        f"{MODEL_FOLDER}/{manifests.FILE_NAME}": (model / manifests.FILE_NAME).read_bytes(),
        f"{MODEL_FOLDER}/{network.name}": network.read_bytes(),
        DETECTOR_FILE: downloads.require(DETECTOR).read_bytes(),
    }
    root = Path(agent.__file__).parents[1]
    code = {name: (root / name).read_bytes() for name in needed(_HANDLER, root, agent.__name__)}
    return files | code


def _description(manifest: Manifest) -> dict[str, Any]:
    """The archive's own manifest; `model-archiver` writes its first four keys, and `model` with
    the first two of its own.
    """
    return {
        "specificationVersion": "1.0",
        "implementationVersion": "1.0",
        "modelServerVersion": "1.0",
        "runtime": "python",
        "description": "Finds the faces of a picture and reads their expressions",
        "license": manifest.licence,
        "engine": {"engineName": "TFLite"},
        "publisher": {"author": "emotion-agent"},
        "model": {
            "modelName": manifest.name,
            "handler": f"{_HANDLER.stem}:handle",
            "modelVersion": manifest.version,
        },
    }


def _signature(manifest: Manifest) -> dict[str, Any]:
    """What goes in and out, in the form that archives of MXNet models have it."""
    side = manifest.input.side
    return {
        "input_type": "image/jpeg",
        "inputs": [{"data_name": "data", "data_shape": [1, manifest.input.channels, side, side]}],
        "output_type": "application/json",
        "outputs": [{"data_name": "probabilities", "data_shape": [1, len(EMOTIONS)]}],
    }


def _as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def packed(files: dict[str, bytes]) -> bytes:
    """The files as a zip archive: the same input gives the same bytes."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.external_attr, entry.create_system = _FILE_MODE, _UNIX
            archive.writestr(entry, content)
    return stream.getvalue()
