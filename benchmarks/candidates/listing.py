"""Which candidates there are, and how each is started in its own environment."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from agent.errors import AgentError
from benchmarks.candidates.environments import (
    NODE,
    PROJECT,
    Environment,
    NodeEnvironment,
    UnavailableError,
)
from benchmarks.candidates.openvino_retail import CLASSIFIER, DETECTOR, model_file
from benchmarks.candidates.processes import FilmReader, last_line


class Footage(NamedTuple):
    """The same frames twice."""

    film: Path
    raw: Path
    """640 x 480 x 3 bytes (RGB) for each frame."""


@dataclass(frozen=True)
class Candidate:
    """A row of the table."""

    name: str
    title: str
    module: str
    environment: Environment | None = None
    """None: the agent's own."""
    option: str | None = None
    for_films: bool = False
    """Differs from another one only over a film."""

    def ready(self, report: Callable[[str], None]) -> None:
        """Make its environment; raises `UnavailableError`."""
        if self.environment is not None:
            self.environment.make(report)

    def film(self, footage: Footage) -> FilmReader:
        """Start its process, which reads the film in turns; raises `UnavailableError`."""
        return FilmReader(self._command([f"--film={footage.film}"]))

    def pictures(self, paths: Sequence[Path], folder: Path) -> dict[str, str | None]:
        """The emotion of the largest face by path; None without a face."""
        del folder
        given = "\n".join(map(str, paths))
        read: dict[str, str | None] = last_line(self._command(["--pictures"]), given)["read"]
        return read

    def _command(self, more: Sequence[str]) -> list[str]:
        python = str(self.environment.python) if self.environment else sys.executable
        command = [python, "-m", f"benchmarks.candidates.{self.module}", *more]
        return command if self.option is None else [*command, f"--option={self.option}"]


@dataclass(frozen=True)
class OpenvinoCandidate(Candidate):
    """Runs only where the user supplies the models."""

    def ready(self, report: Callable[[str], None]) -> None:
        for name in (DETECTOR, CLASSIFIER):
            if self.option is None or model_file(Path(self.option), name) is None:
                where = f"{self.option} has none" if self.option else "none supplied"
                raise UnavailableError(f"needs {name}.xml and .bin ({where}): --openvino FOLDER")
        super().ready(report)


@dataclass(frozen=True)
class NodeCandidate(Candidate):
    """Runs in Node.js, and takes decoded pictures."""

    environment: NodeEnvironment = field(default_factory=lambda: NodeEnvironment("face-api"))

    def film(self, footage: Footage) -> FilmReader:
        return FilmReader(self._node([str(footage.raw)]))

    def pictures(self, paths: Sequence[Path], folder: Path) -> dict[str, str | None]:
        import cv2  # noqa: PLC0415

        files: dict[str, str] = {}
        lines = []
        for i, path in enumerate(paths):
            image = cv2.imread(str(path))
            if image is None:
                raise UnavailableError(f"{path}: cannot be read as a picture")
            rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            file = folder / f"{i}.rgb"
            file.write_bytes(rgb.tobytes())
            files[str(file)] = str(path)
            lines.append(f"{rgb.shape[1]} {rgb.shape[0]} {file}")
        read = last_line(self._node(["PICTURES"]), "\n".join(lines))["read"]
        return {files[file]: emotion for file, emotion in read.items()}

    def _node(self, more: Sequence[str]) -> list[str]:
        return ["node", str(NODE / "measure.mjs"), str(self.environment.modules), *more]


def candidates(openvino: str | None = None) -> list[Candidate]:
    """The agent first; `openvino` is the folder with the Open Model Zoo's files."""
    model = str(PROJECT / "models" / "fer-compact")
    return [
        Candidate("agent", "emotion-agent", "this_agent"),
        _agent_with("agent-every-frame", "faces.detect_every=1"),
        _agent_with("agent-short-range", "faces.blazeface_model=short-range"),
        Candidate("fer", "fer (Haar, TFLite)", "fer_haar", Environment("fer")),
        OpenvinoCandidate(
            "openvino",
            "OpenVINO retail-0004 + emotions-0003",
            "openvino_retail",
            Environment("openvino"),
            None if openvino is None else str(Path(openvino).resolve()),
        ),
        Candidate(
            "mediapipe",
            "MediaPipe face detection + fer-compact",
            "mediapipe_face",
            Environment("mediapipe"),
            model,
        ),
        NodeCandidate("face-api", "face-api (tiny detector, WebAssembly)", ""),
    ]


def _agent_with(name: str, setting: str) -> Candidate:
    title = f"emotion-agent, {setting}"
    return Candidate(name, title, "this_agent", option=setting, for_films=True)


def chosen(names: Sequence[str] | None, openvino: str | None) -> list[Candidate]:
    """The candidates of these names, or all; raises `AgentError` for a name that is none."""
    listed = candidates(openvino)
    known = [candidate.name for candidate in listed]
    for name in names or ():
        if name not in known:
            raise AgentError(f"no candidate {name!r}; there are {', '.join(known)}")
    return [candidate for candidate in listed if not names or candidate.name in names]
