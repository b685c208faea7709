"""What a conversion found: a table for the terminal, and the numbers that the manifest keeps."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from time import thread_time
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS
from agent.runtimes.runtime import EmotionRuntime
from converters.parity import LIMITS, Parity, Reference
from converters.targets.target import Artifact, Skipped
from training.metrics import PROTOCOL, Metrics

_TIMED_FACES: Final = 200
_KEPT: Final = (
    "pictures",
    "accuracy",
    "accuracy_interval_95",
    "macro_f1",
    "calibration_error_15_bins",
    "cross_entropy",
)
_COLUMNS: Final = "{:<22} {:>9} {:>24} {:>9} {:>9} {:>7} {:>8}"


@dataclass(frozen=True)
class FileReport:
    """One converted file, measured."""

    artifact: Artifact
    bytes: int
    parity: Parity
    valid: Metrics
    test: Metrics | None
    milliseconds: float
    """Processor time for one face on one thread of this machine, median."""

    @property
    def complaints(self) -> list[str]:
        return self.parity.complaints(LIMITS[self.artifact.precision])


@dataclass(frozen=True)
class Report:
    """All files of a conversion."""

    expected: Reference
    files: list[FileReport]
    skipped: list[Skipped]

    @property
    def complaints(self) -> list[str]:
        """What is over the limits, one phrase for each file; empty where all may be published."""
        if not self.files:
            return ["no file could be made here"]
        return [
            f"{file.artifact.file}: {', '.join(file.complaints)}"
            for file in self.files
            if file.complaints
        ]

    def as_dict(self) -> dict[str, Any]:
        """The metrics of the manifest."""
        return {
            "protocol": f"{PROTOCOL}; every picture once, as it is. The temperature was fitted on "
            "`valid` (PublicTest); `test` is PrivateTest. `parity` compares with the Keras model "
            "on `valid`.",
            "keras": {"valid": _plain(self.expected.metrics)},
            "files": {
                file.artifact.file: {
                    "valid": _plain(file.valid),
                    **({"test": _plain(file.test)} if file.test else {}),
                    "parity": {
                        name: round(value, 6) for name, value in asdict(file.parity).items()
                    },
                }
                for file in self.files
            },
        }

    def text(self) -> str:
        """A table for the terminal; accuracies on the validation part, with their interval."""
        head = ("file", "bytes", "accuracy, 95 % interval", "test", "agreement", "ECE", "ms/face")
        found = self.expected.metrics
        keras = ("(Keras)", "", _accuracy(found), "", "", f"{found.calibration_error:.4f}", "")
        rows = [head, keras, *(_cells(file) for file in self.files)]
        note = (
            f"{found.pictures:,} validation pictures; temperature {self.expected.temperature:g}; "
            "ms/face on one thread of this machine"
        )
        skipped = [f"{each.what:<22} skipped: {each.reason}" for each in self.skipped]
        return "\n".join([*(_COLUMNS.format(*row).rstrip() for row in rows), *skipped, note])


def _cells(file: FileReport) -> tuple[str, ...]:
    return (
        file.artifact.file,
        f"{file.bytes:,}",
        _accuracy(file.valid),
        _percent(file.test.accuracy) if file.test else "-",
        _percent(file.parity.agreement),
        f"{file.valid.calibration_error:.4f}",
        f"{file.milliseconds:.3f}",
    )


def milliseconds_per_face(runtime: EmotionRuntime, crops: npt.NDArray[np.uint8]) -> float:
    """Median processor time of one thread for one face, a busy machine counted out."""
    times = []
    for crop in crops[:_TIMED_FACES]:
        start = thread_time()
        runtime.predict(crop[np.newaxis])
        times.append(thread_time() - start)
    return 1000 * median(times)


def _plain(metrics: Metrics) -> dict[str, Any]:
    whole = metrics.as_dict()
    recall = {name: whole["classes"][name]["recall"] for name in EMOTIONS}
    return {key: whole[key] for key in _KEPT} | {"recall": recall}


def _accuracy(metrics: Metrics) -> str:
    low, high = metrics.interval
    return f"{_percent(metrics.accuracy)} ({100 * low:.2f}-{100 * high:.2f})"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
