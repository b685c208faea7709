"""Where a conversion's files come from: what the manifest tells beside the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from agent.emotion import manifest as manifests
from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Manifest
from training.ferplus import FerPlus
from training.loading import Found
from training.plan import kept_beside
from training.shares import learnt_shares


def described_by(model: Path) -> Manifest | None:
    """The manifest beside a Keras file, if it names this very file as its source."""
    if not (model.parent / manifests.FILE_NAME).exists():
        return None
    known = manifests.read(model.parent)
    if known.source is None or known.source.file != model.name:
        return None
    manifests.require_unchanged(known.source, model.parent)
    return known


def training_record(
    model: Path, known: Manifest | None, found: Found, calibration: str
) -> dict[str, Any]:
    """Enough to make the files again. What `known` tells of the training is handed on."""
    data = {
        "description": "FER2013 pictures with the votes of FER+ (Barsoum et al. 2016)",
        "pictures": {part: len(rows) for part, rows in found.data.items()},
        "sha256": {file.name: manifests.sha256(file) for file in found.files},
    }
    trained = (
        known.training
        if known is not None
        else {
            "plan": kept_beside(model),
            "data": data,
            "keras_file_sha256": manifests.sha256(model),
        }
    )
    conversion = {"calibration": calibration, "data": data, **tool_versions(_TOOLS)}
    return trained | {"conversion": conversion}


_TOOLS: Final = (
    *("keras", "tensorflow", "tensorflow-cpu", "tf2onnx", "onnx", "onnxruntime"),
    *("ai-edge-litert", "openvino"),
)


def learnt_prior(model: Path, data: FerPlus) -> dict[str, float]:
    """What the model has learnt of how rare each emotion is, by name."""
    shares = learnt_shares(data, kept_beside(model)).tolist()
    return {name: round(share, 6) for name, share in zip(EMOTIONS, shares, strict=True)}


def tool_versions(packages: Sequence[str]) -> dict[str, str]:
    """Versions of those packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except ModuleNotFoundError:  # PackageNotFoundError is one
            continue
    return found
