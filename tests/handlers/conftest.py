"""The archive that every test of the handlers serves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from handlers.mms.archive import DETECTOR, write_archive


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
