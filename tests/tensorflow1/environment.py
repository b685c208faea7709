"""An environment with TensorFlow 1 under `build/`, made once: see `tests.old_python`."""

from __future__ import annotations

import json
import platform
import subprocess
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tests.old_python import UnavailableError, installed, interpreter, quiet

HERE: Final = Path(__file__).resolve().parent

RELEASES: Final = {"1.4.1": "3.6", "1.15.5": "3.7"}
"""TensorFlow releases and the Python that each runs on, the one that DeepLens has first."""


class Answer(NamedTuple):
    """What TensorFlow 1 made of the pictures."""

    tensorflow: str
    python: str
    probabilities: npt.NDArray[np.float32]


def environment(release: str | None = None) -> Path:
    """The Python of an environment with that release, or with the first that can be had."""
    if platform.machine() != "x86_64":
        raise UnavailableError(f"TensorFlow 1 has no wheels for {platform.machine()}")
    wanted = [release] if release else list(RELEASES)
    for name in wanted:
        python = interpreter(RELEASES[name])
        if python is not None:
            return installed(f"tensorflow-{name}", HERE / f"tensorflow-{name}.txt", python)
    versions = " or ".join(RELEASES[name] for name in wanted)
    raise UnavailableError(
        f"no Python {versions} on the search path or from pyenv (pyenv install 3.6.15)"
    )


def run_graph(python: Path, graph: Path, crops: npt.NDArray[np.uint8]) -> Answer:
    """Ask the graph about N x side x side crops; raises `RuntimeError` with what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "crops.npy"), Path(folder, "probabilities.npy")
        np.save(given, crops)
        command = [python, HERE / "run_graph.py", graph, given, found]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet())
        if done.returncode:
            raise RuntimeError(f"TensorFlow 1 refused {graph}:\n{done.stderr[-2000:]}")
        versions = json.loads(done.stdout.splitlines()[-1])
        return Answer(**versions, probabilities=np.load(found))
