"""Finds the models that are installed on this machine."""

from __future__ import annotations

import logging
import os
import re
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from agent.emotion import manifest as manifests
from agent.emotion.manifest import Manifest
from agent.errors import ModelError

MODELS_VARIABLE: Final = "EMOTION_AGENT_MODELS"
"""Environment variable with a folder of models, looked at before all others."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*")

logger = logging.getLogger(__name__)


class InstalledModel(NamedTuple):
    """One model on this machine."""

    folder: Path
    manifest: Manifest
    """Name, version, files by precision, metrics."""


def model_folders(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Where models are looked for, first match winning; folders that do not exist are left out.

    `$EMOTION_AGENT_MODELS`, `models/` of a checkout, and the place where the package installs.
    """
    checkout = Path(__file__).resolve().parents[2] / "models"
    installed = Path(sysconfig.get_path("data"), "share", "emotion-agent", "models")
    named = environment.get(MODELS_VARIABLE)
    candidates = [*([Path(named).expanduser()] if named else []), checkout, installed]
    return [folder for folder in candidates if folder.is_dir()]


def installed_models(environment: Mapping[str, str] = os.environ) -> list[InstalledModel]:
    """All models that the settings can name, by name; a damaged one is logged and left out."""
    found: dict[str, InstalledModel] = {}
    for place in model_folders(environment):
        for file in sorted(place.glob(f"*/{manifests.FILE_NAME}")):
            folder = file.parent
            if folder.name in found:
                continue
            try:
                found[folder.name] = InstalledModel(folder, manifests.read(folder))
            except ModelError as error:
                logger.warning("left out: %s", error)
    return [found[name] for name in sorted(found)]


def find_model(model: str, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of a model given by name or by path (with a `/`, as in `./mine`).

    Raises `ModelError`, naming the models that there are, for an unknown name, and for a path
    without a manifest.
    """
    if not _NAME.fullmatch(model):
        folder = Path(model).expanduser()
        if not (folder / manifests.FILE_NAME).is_file():
            raise ModelError(
                f"runtime.model: {folder} is no model: it has no {manifests.FILE_NAME}"
            )
        return folder
    for place in model_folders(environment):
        if (place / model / manifests.FILE_NAME).is_file():
            return place / model
    names = ", ".join(known.manifest.name for known in installed_models(environment))
    raise ModelError(
        f"runtime.model: unknown model '{model}'; "
        f"{f'known are {names}' if names else 'none is installed'}; "
        f"give the folder of another as a path (./{model})"
    )
