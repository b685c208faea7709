"""What a conversion found: a table for people, rows for machines, numbers for the manifest."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from agent.emotion.labels import EMOTIONS
from converters.parity import LIMITS, Parity, Reference
from converters.targets.target import Artifact, Skipped
from converters.timing import Milliseconds
from training.metrics import PROTOCOL, Metrics

_KEPT: Final = (
    "pictures",
    "accuracy",
    "accuracy_interval_95",
    "macro_f1",
    "calibration_error_15_bins",
    "cross_entropy",
)
HEADINGS: Final = (
    *("file", "engine", "precision", "bytes", "agreement", "accuracy", "test", "ECE"),
    *("ms/face", "CPU ms"),
)
_COLUMNS: Final = "{:<26} {:<9} {:<13} {:>9} {:>9} {:>8} {:>8} {:>7} {:>8} {:>7}"


@dataclass(frozen=True)
class FileReport:
    """One converted file, measured in its engine."""

    artifact: Artifact
    bytes: int
    """All its parts together."""
    parity: Parity
    valid: Metrics
    test: Metrics | None
    milliseconds: Milliseconds

    @property
    def complaints(self) -> list[str]:
        return self.parity.complaints(LIMITS[self.artifact.precision])

    def cells(self) -> tuple[str, ...]:
        """Its line of the table, as `HEADINGS` names the columns."""
        return (
            self.artifact.file,
            self.artifact.runtime,
            self.artifact.precision,
            f"{self.bytes:,}",
            _percent(self.parity.agreement),
            _percent(self.valid.accuracy),
            _percent(self.test.accuracy) if self.test else "-",
            f"{self.valid.calibration_error:.4f}",
            f"{self.milliseconds.elapsed:.3f}",
            f"{self.milliseconds.processor:.3f}",
        )

    def as_dict(self) -> dict[str, Any]:
        """Its numbers, rounded."""
        return {
            "file": self.artifact.file,
            "runtime": self.artifact.runtime,
            "precision": self.artifact.precision,
            "bytes": self.bytes,
            "parity": _rounded(asdict(self.parity)),
            "valid": plain_metrics(self.valid),
            "test": plain_metrics(self.test) if self.test else None,
            "milliseconds_per_face": _rounded(asdict(self.milliseconds)),
            "complaints": self.complaints,
        }


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

    @property
    def keras_cells(self) -> tuple[str, ...]:
        """The Keras model's line of the table."""
        found = self.expected.metrics
        accuracy, error = _percent(found.accuracy), f"{found.calibration_error:.4f}"
        return ("(Keras)", "", "float32", "", "", accuracy, "", error, "", "")

    @property
    def note(self) -> str:
        """What the numbers are of."""
        found = self.expected.metrics
        low, high = found.interval
        return (
            f"{found.pictures:,} validation pictures; the accuracy of Keras is sure within "
            f"{100 * low:.2f} to {100 * high:.2f} % (95 %); temperature "
            f"{self.expected.temperature:g}; times are medians for one face on one thread of this "
            "machine, all engines in turn"
        )

    def text(self) -> str:
        """The table for a terminal."""
        rows = [HEADINGS, self.keras_cells, *(file.cells() for file in self.files)]
        lines = [_COLUMNS.format(*row).rstrip() for row in rows]
        skipped = [f"{each.what:<26} skipped: {each.reason}" for each in self.skipped]
        return "\n".join([*lines, *skipped, self.note])

    def as_dict(self) -> dict[str, Any]:
        """The whole report, as `--json` writes it."""
        return {
            "protocol": _PROTOCOL,
            "temperature": self.expected.temperature,
            "keras": {"valid": plain_metrics(self.expected.metrics)},
            "files": [file.as_dict() for file in self.files],
            "skipped": [asdict(each) for each in self.skipped],
            "limits": {precision: asdict(limits) for precision, limits in LIMITS.items()},
            "complaints": self.complaints,
        }

    def write_json(self, path: Path) -> None:
        """Write the report as one JSON object; the folder is made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_dict(), indent=2) + "\n")

    def metrics(self) -> dict[str, Any]:
        """The metrics of the manifest."""
        return {
            "protocol": _PROTOCOL,
            "keras": {"valid": plain_metrics(self.expected.metrics)},
            "files": {
                file.artifact.file: {
                    "valid": plain_metrics(file.valid),
                    **({"test": plain_metrics(file.test)} if file.test else {}),
                    "parity": _rounded(asdict(file.parity)),
                }
                for file in self.files
            },
        }


_PROTOCOL: Final = (
    f"{PROTOCOL}; every picture once, as it is. The temperature was fitted on "
    "`valid` (PublicTest); `test` is PrivateTest. `parity` compares with the Keras model "
    "on `valid`."
)


def plain_metrics(metrics: Metrics) -> dict[str, Any]:
    """What a manifest keeps of them."""
    whole = metrics.as_dict()
    recall = {name: whole["classes"][name]["recall"] for name in EMOTIONS}
    return {key: whole[key] for key in _KEPT} | {"recall": recall}


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in values.items()}


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
