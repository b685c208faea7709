"""Holds the DeepLens graph, run in TensorFlow 1.4, against the Keras model.

    .venv/bin/python -m tests.tensorflow1.check build/models --keras model.keras --data ferplus.npz

Tells the versions that were used. Exits with 1 where a probability differs by 1e-4 or more, and
with 77 where TensorFlow 1 cannot be had on this machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from agent.emotion import manifest as manifests
from agent.errors import AgentError
from agent.quiet import output_hidden
from agent.runtimes.outputs import calibrated
from tests.old_python import UnavailableError
from tests.tensorflow1.environment import RELEASES, environment, run_graph
from training.errors import TrainingError

LIMIT: Final = 1e-4
SKIPPED: Final = 77


def main(argv: Sequence[str] | None = None) -> int:
    """Compare on the validation pictures; returns 0, 1 or 77 as the module says."""
    arguments = _parser().parse_args(argv)
    try:
        python = environment(arguments.tensorflow)
        return _compare(arguments, python)
    except UnavailableError as reason:
        print(f"skipped: {reason}", file=sys.stderr)
        return SKIPPED
    except (AgentError, TrainingError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _compare(arguments: argparse.Namespace, python: Path) -> int:
    manifest = manifests.read(arguments.folder)
    graph = manifests.checked_file(manifest, arguments.folder, "deeplens", "float32")
    from training.backend import load_keras  # noqa: PLC0415 - takes seconds

    load_keras()
    from converters.keras_file import load_keras_file  # noqa: PLC0415
    from converters.pictures import labelled  # noqa: PLC0415
    from training.loading import load_data  # noqa: PLC0415

    model = load_keras_file(arguments.keras)
    crops = labelled(load_data(arguments.data).data, "valid", manifest.preprocessing).crops
    with output_hidden():
        logits = model.predict(manifest.preprocessing.normalise(crops), batch_size=256, verbose=0)
    expected = calibrated(logits, manifest.output, manifest.temperature)
    answer = run_graph(python, graph, crops)
    difference = float(np.abs(answer.probabilities - expected).max())
    agreement = (answer.probabilities.argmax(axis=1) == expected.argmax(axis=1)).mean()
    print(
        f"TensorFlow {answer.tensorflow} on Python {answer.python}: {len(crops):,} pictures, "
        f"largest probability difference to Keras {difference:.1e} (limit {LIMIT:.0e}), "
        f"the same emotion in {100 * agreement:.2f} %"
    )
    return 0 if difference < LIMIT else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("folder", type=Path, help="as emotion-convert --to deeplens wrote it")
    add("--keras", type=Path, required=True, metavar="MODEL.keras")
    add(
        "--data", type=Path, required=True, metavar="PLACE", help="FER+ as emotion-convert takes it"
    )
    add("--tensorflow", choices=list(RELEASES), help="default: the oldest that can be had")
    return parser


if __name__ == "__main__":
    sys.exit(main())
