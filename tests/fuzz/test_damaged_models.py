"""Damaged manifests and model files: refused with a line, or read; nothing else, and no crash."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.edits import EDITS, FILES, Edit, damaged
from tests.fuzz.readers import READERS

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def reader(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Opens a damaged model file in a process of its own; what that says."""
    folder = project / "models" / "fer-compact"
    draft = tmp_path_factory.mktemp("models") / "damaged.tflite"
    command = [sys.executable, "-m", "tests.fuzz.model_reader", str(folder), str(draft)]
    process: subprocess.Popen[str] | None = None

    def told(edits: list[Edit]) -> str:
        nonlocal process
        if process is None or process.poll() is not None:
            process = subprocess.Popen(
                command, cwd=project, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        assert process.stdin is not None
        assert process.stdout is not None
        lines = [(kind, where, with_bytes.hex()) for kind, where, with_bytes in edits]
        process.stdin.write(json.dumps(lines) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, f"the process ended with status {process.wait()}"
        return str(json.loads(line))

    yield told
    if process is not None:
        process.kill()
        process.communicate()


@FILES
@given(edits=EDITS)
def test_a_damaged_model_file_is_refused_or_read(
    reader: Callable[..., str], edits: list[Edit]
) -> None:
    answer = reader(edits)
    assert not answer.startswith("raised: "), answer
    assert "\n" not in answer


@FILES
@given(edits=EDITS)
def test_a_damaged_manifest_is_refused_or_read(
    project: Path, tmp_path_factory: pytest.TempPathFactory, edits: list[Edit]
) -> None:
    whole = (project / "models" / "fer-compact" / "manifest.json").read_bytes()
    READERS["manifest"].read(damaged(whole, edits), tmp_path_factory.mktemp("model"))


@FILES
@given(data=st.data())
def test_a_manifest_with_any_value_anywhere_is_refused_or_read(
    project: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = json.loads((project / "models" / "fer-compact" / "manifest.json").read_text())
    _replace_one(whole, data)
    READERS["manifest"].read(json.dumps(whole).encode(), tmp_path_factory.mktemp("model"))


def _replace_one(tree: Any, data: st.DataObject) -> None:
    """Put any value in the place of one that is somewhere in the tree."""
    while True:
        keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        key = data.draw(st.sampled_from(keys))
        child = tree[key]
        if not isinstance(child, dict | list) or not child or data.draw(st.booleans()):
            tree[key] = data.draw(ANY)
            return
        tree = child
