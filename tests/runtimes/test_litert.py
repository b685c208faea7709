from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agent.emotion.manifest import Manifest
from agent.errors import ModelError
from agent.runtimes.litert import load_interpreter


def test_a_file_and_its_content_load_alike(tiny: tuple[Path, Manifest]) -> None:
    path = tiny[0] / "model-int8.tflite"

    one, other = load_interpreter(path), load_interpreter(path.read_bytes(), threads=2)

    assert str(one.get_input_details()) == str(other.get_input_details())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.tflite: No such file"):
        load_interpreter(tmp_path / "gone.tflite")


def test_without_any_litert_the_message_says_what_to_install(
    tiny: tuple[Path, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(ModelError, match="pip install ai-edge-litert"):
        load_interpreter(tiny[0] / "model-int8.tflite")
