"""Conversions that went wrong in ways that happen; the gate must catch each in every engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.emotion.manifest import Input, Manifest, Precision
from agent.runtimes.runtime import EmotionRuntime
from converters.conversion import Job, convert
from converters.folding import fold
from converters.targets.onnx import OnnxTarget
from converters.targets.openvino import OpenvinoTarget
from converters.targets.target import Artifact, Skipped, Target, Task
from converters.targets.tflite import TfliteTarget


class Poisoned:
    """A target that is given another task, or opened with another manifest, than it should."""

    def __init__(
        self,
        target: Target,
        task: Callable[[Task], Task] = lambda task: task,
        manifest: Callable[[Manifest], Manifest] = lambda manifest: manifest,
    ) -> None:
        self.name = target.name
        self._target = target
        self._task = task
        self._manifest = manifest

    def convert(self, task: Task, folder: Path) -> Sequence[Artifact | Skipped]:
        return self._target.convert(self._task(task), folder)

    def open(self, manifest: Manifest, folder: Path, precision: Precision) -> EmotionRuntime:
        return self._target.open(self._manifest(manifest), folder, precision)


def blank_calibration(task: Task) -> Task:
    """Ranges measured on pictures that show nothing but one black and one white pixel."""
    blank = np.full((20, 48, 48), 128, np.uint8)
    blank[0, 0, :2] = 0, 255
    return replace(task, calibration=blank)


def swapped_labels(task: Task) -> Task:
    """The eight outputs in another order."""
    model = fold(task.model)
    last = model.get_layer("logits")
    last.set_weights([np.roll(weights, 1, axis=-1) for weights in last.get_weights()])
    return replace(task, model=model)


def other_preprocessing(manifest: Manifest) -> Manifest:
    """Pixels from 0 to 1 for a model that learned them from -1 to 1."""
    return manifest.model_copy(update={"input": Input(side=48, offset=0, divisor=255)})


def other_temperature(manifest: Manifest) -> Manifest:
    """The right answers, less sure of themselves."""
    return manifest.model_copy(update={"temperature": 4 * manifest.temperature})


@pytest.mark.parametrize(
    ("poison", "told", "caught"),
    [
        ({"task": blank_calibration}, "mean difference", ("int8",)),
        ({"task": swapped_labels}, "agreement", ("int8", "float32")),
        ({"manifest": other_preprocessing}, "agreement", ("float32",)),
        ({"manifest": other_temperature}, "mean difference", ("float32",)),
    ],
    ids=["blank calibration", "swapped labels", "other preprocessing", "other temperature"],
)
def test_a_poisoned_conversion_is_caught_in_every_engine_and_leaves_the_old_files(
    fresh: Job, poison: dict[str, Any], told: str, caught: tuple[Precision, ...]
) -> None:
    fresh.out.mkdir(parents=True)
    (fresh.out / "model-int8.tflite").write_bytes(b"the old one")
    targets: list[Target] = [TfliteTarget(), OnnxTarget(), OpenvinoTarget()]
    poisoned: list[Target] = [Poisoned(target, **poison) for target in targets]
    wanted = {target.name: caught for target in targets}

    report = convert(replace(fresh, targets=poisoned, precisions=wanted), print)

    for precision in caught:
        for ending in ("tflite", "onnx", "xml"):
            complaint = next(c for c in report.complaints if f"{precision}.{ending}: " in c)
            assert told in complaint, report.text()
    assert [path.name for path in fresh.out.iterdir()] == ["model-int8.tflite"]
    assert (fresh.out / "model-int8.tflite").read_bytes() == b"the old one"
    assert [path.name for path in fresh.out.parent.iterdir()] == ["tiny"]
