"""The artifact that a core device unpacks and installs, and the folder that deployments read.

The same input gives the same bytes. The hashes of all files stand in `SHA256SUMS`, and its own in
the recipe.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final, NamedTuple

from agent import downloads
from agent.errors import AgentError
from agent.settings import Settings
from handlers.greengrass import recipe as recipes
from handlers.mms.archive import packed

SUMS: Final = "SHA256SUMS"
_LOCK: Final = "greengrass.lock"
_INSTALLER: Final = Path(__file__).with_name("install.sh")


class Written(NamedTuple):
    """What a deployment is given."""

    archive: Path
    recipe: Path
    """JSON, in the folder for `--recipeDir`."""
    yaml: Path
    """The same as YAML, beside the folder: a core reads one of the two."""


def contents(wheel: Path, lock: Path) -> dict[str, bytes]:
    """The files of the artifact by their names; `AgentError` for one that is missing.

    The wheel holds the agent and the expression model, `lock` the hashes of all that it needs.
    """
    schema = json.dumps(Settings.model_json_schema(), indent=2, sort_keys=True) + "\n"
    detectors = [entry.name for entry in downloads.CATALOGUE if entry.group == "detectors"]
    weights = [downloads.require(name) for name in detectors]
    try:
        files = {
            wheel.name: wheel.read_bytes(),
            _LOCK: lock.read_bytes(),
            _INSTALLER.name: _INSTALLER.read_bytes(),
            "settings.schema.json": schema.encode(),
        } | {f"weights/{path.name}": path.read_bytes() for path in weights}
    except OSError as error:
        raise AgentError(f"{error.filename}: cannot be read: {error.strerror or error}") from None
    return files | {SUMS: _sums(files)}


def write(out: Path, files: dict[str, bytes], bucket: str, name: str = recipes.NAME) -> Written:
    """Write artifact and recipes below `out`, in the folders that `greengrass-cli` takes."""
    recipe = recipes.recipe(hashlib.sha256(files[SUMS]).hexdigest(), bucket, name)
    version = recipe["ComponentVersion"]
    written = Written(
        out / "artifacts" / name / version / f"{recipes.archive_name()}.zip",
        out / "recipes" / f"{name}-{version}.json",
        out / f"{name}-{version}.yaml",
    )
    try:
        for path, content in zip(
            written,
            (packed(files), recipes.as_json(recipe).encode(), recipes.as_yaml(recipe).encode()),
            strict=True,
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise AgentError(f"{out}: cannot be written: {error.strerror or error}") from None
    return written


def _sums(files: dict[str, bytes]) -> bytes:
    """Hashes as `sha256sum --check` reads them."""
    lines = (f"{hashlib.sha256(data).hexdigest()}  {name}" for name, data in sorted(files.items()))
    return ("\n".join(lines) + "\n").encode()
