"""The component as `make greengrass` builds it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.downloads import CATALOGUE
from handlers.greengrass import artifact


@pytest.fixture(scope="session")
def parts(
    demo_file: Callable[[str], Path], project: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The files of the artifact, with a wheel of this tree."""
    for entry in CATALOGUE:
        if entry.group == "detectors":
            demo_file(entry.name)
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(project)], check=True)
    [wheel] = folder.iterdir()
    return artifact.contents(wheel, project / "requirements" / "greengrass.lock")


@pytest.fixture(scope="session")
def built(parts: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> artifact.Written:
    return artifact.write(tmp_path_factory.mktemp("greengrass"), parts, "s3://bucket")
