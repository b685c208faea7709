"""Which framework Keras runs on, as `KERAS_BACKEND` asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from converters.cli import main as convert
from training.backend import load_keras
from training.errors import TrainingError


def test_a_backend_that_cannot_train_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    with pytest.raises(TrainingError, match="KERAS_BACKEND=numpy: cannot train; the backends are"):
        load_keras()


def test_a_backend_that_is_not_installed_is_named() -> None:
    script = (
        "import sys; from training.backend import load_keras; from training.errors import *\n"
        "sys.modules['torch'] = None\n"
        "try: load_keras()\n"
        "except TrainingError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"KERAS_BACKEND": "torch"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "KERAS_BACKEND=torch: torch is not installed; pip install torch\n"
    assert not done.stderr


def test_conversion_under_another_backend_is_refused_in_one_line(
    prepared: Path,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    model = str(project / "models/fer-compact/model.keras")
    arguments = [model, "--to", "tflite", "--data", str(prepared), "--out", str(tmp_path / "out")]
    assert convert(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "KERAS_BACKEND=torch: only TensorFlow converts models; unset it" in line
