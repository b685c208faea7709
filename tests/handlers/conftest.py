"""What the tests of the handlers serve: archives, and the parts that go into them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from handlers.deeplens.project import model_files
from handlers.mms.archive import DETECTOR, write_archive
from tests.alone import alone


@pytest.fixture(scope="session")
def shipped_model(project: Path) -> Path:
    return project / "models" / "fer-compact"


@pytest.fixture(scope="session")
def archive(
    demo_file: Callable[[str], Path],
    shipped_model: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The shipped model as `fer-compact.mar`."""
    demo_file(DETECTOR)
    path = tmp_path_factory.mktemp("store") / "fer-compact.mar"
    write_archive(path, shipped_model)
    return path


@pytest.fixture(scope="session")
def sdk_wheel(project: Path) -> Path:
    """The wheel of greengrasssdk that is locked, fetched where it is missing."""
    folder = project / "build" / "deeplens" / "sdk"
    lock = project / "requirements" / "deeplens.lock"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    options = ["--no-deps", "--require-hashes", "--only-binary=:all:", f"--dest={folder}"]
    command = [*pip, *options, "-r", str(lock)]
    with alone(folder / ".lock"):
        if not list(folder.glob("greengrasssdk-*.whl")):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"greengrasssdk cannot be fetched: {done.stderr.strip()[-200:]}")
    return next(folder.glob("greengrasssdk-*.whl"))


@pytest.fixture(scope="session")
def archived_model(shipped_model: Path) -> dict[str, bytes]:
    """The files of the model archive for a DeepLens; making the graph imports TensorFlow."""
    return model_files(shipped_model)
