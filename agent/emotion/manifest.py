"""A model's manifest: what the files are, what they expect to see, and how well they read it.

`models/<name>/manifest.json` lies beside the model's files. It is the only description of the
model; every host (agent, handlers, converters) reads it, and none takes a file whose hash differs.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.emotion.labels import EMOTIONS
from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError

FILE_NAME: Final = "manifest.json"

Precision = Literal["int8", "int8-float-io", "dynamic", "float16", "float32"]
"""How a file stores its numbers: `int8` throughout; `int8-float-io`, the same with float input and
output; `dynamic`, int8 weights with activations quantized as they come; floats."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoredFile(_Part):
    """A file beside the manifest."""

    file: str
    """Name inside the manifest's folder."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(gt=0)]


class DeviceOptimizer(_Part):
    """Arguments of `mo.optimize`, with which an AWS DeepLens makes its own file of a graph."""

    model_name: str
    input_width: Annotated[int, Field(ge=1, le=1024)]
    input_height: Annotated[int, Field(ge=1, le=1024)]
    platform: Literal["tf"]
    aux_inputs: dict[str, str | int]


class ModelFile(StoredFile):
    """One file of the model, for one runtime."""

    runtime: str
    """The engine's name in the settings."""
    precision: Precision
    parts: list[StoredFile] = []
    """Files that the engine loads along with it, as the weights of an OpenVINO IR."""
    optimizer: DeviceOptimizer | None = None
    """For DeepLens only."""


class SourceFile(StoredFile):
    """The Keras file that all others were converted from."""

    note: str
    """What it is."""


class Input(_Part):
    """The network's input; see `agent.emotion.preprocess`."""

    side: Annotated[int, Field(ge=8, le=1024)]
    channels: Literal[1] = 1
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    grey: Literal["ITU-R BT.601"] = "ITU-R BT.601"
    offset: float
    divisor: Annotated[float, Field(gt=0)]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one picture, as the network takes it."""
        return (self.side, self.side, 1) if self.layout == "NHWC" else (1, self.side, self.side)


class Crop(_Part):
    """What to cut out round a detector's box so that it shows what the training pictures show.

    The crop is a square with the side `box side x (1 + margin)`, its centre moved down by
    `drop x box side`. Each detector draws its boxes differently, so each has its own numbers.
    """

    margin: Annotated[float, Field(ge=-0.5, le=2)]
    drop: Annotated[float, Field(ge=-0.5, le=0.5)] = 0.0


class Manifest(_Part):
    """All that is known of a model."""

    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]*$")]
    version: str
    licence: str
    files: list[ModelFile]
    """One for each runtime and precision."""
    input: Input
    crops: dict[str, Crop]
    """By the detector's name."""
    labels: Annotated[list[str], Field(min_length=2)]
    """The emotion of each output, in the network's own order; one that it does not know has a
    probability of zero."""
    output: Literal["logits", "probabilities"]
    temperature: Annotated[float, Field(gt=0)]
    """Logits are divided by it before the softmax (Guo et al. 2017)."""
    prior: dict[str, Annotated[float, Field(gt=0, le=1)]] | None = None
    """Share of each emotion among what the model was trained on, where that is known."""
    metrics: dict[str, Any]
    """Numbers by file, with the protocol that they were measured by."""
    training: dict[str, Any]
    """The plan and the data that the model was trained with."""
    source: SourceFile | None = None
    """The Keras file, where it is kept beside the others."""

    @property
    def model_id(self) -> str:
        """`name@version`, as events carry it."""
        return f"{self.name}@{self.version}"

    @property
    def preprocessing(self) -> Preprocessing:
        return Preprocessing(self.input.side, self.input.offset, self.input.divisor)

    def file_for(self, runtime: str, precision: Precision) -> ModelFile | None:
        """The file for an engine, if there is one of that precision."""
        fitting = (f for f in self.files if (f.runtime, f.precision) == (runtime, precision))
        return next(fitting, None)

    def crop_for(self, detector: str) -> Crop:
        """The crop for a detector's boxes; the tight-box default where none was measured."""
        return self.crops.get(detector, Crop(margin=0.1))


def read(folder: Path) -> Manifest:
    """The manifest in a model's folder; raises `ModelError` naming the file and each problem."""
    path = folder / FILE_NAME
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from None
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors()
        )
        raise ModelError(f"{path}: not a usable manifest: {problems}") from None
    labels = manifest.labels
    if not set(labels) <= set(EMOTIONS) or len(set(labels)) < len(labels):
        raise ModelError(f"{path}: labels must be of {', '.join(EMOTIONS)}, each once at most")
    if manifest.prior is not None and set(manifest.prior) != set(EMOTIONS):
        raise ModelError(f"{path}: prior must have a share for each of {', '.join(EMOTIONS)}")
    return manifest


def write(manifest: Manifest, folder: Path) -> Path:
    """Write the manifest, whole or not at all."""
    path = folder / FILE_NAME
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(manifest.model_dump(mode="json"), indent=2) + "\n")
    draft.replace(path)
    return path


def checked_file(manifest: Manifest, folder: Path, runtime: str, precision: Precision) -> Path:
    """Path of the model file, once its hash was found right; raises `ModelError` otherwise."""
    entry = manifest.file_for(runtime, precision)
    if entry is None:
        there = ", ".join(f"{file.runtime} {file.precision}" for file in manifest.files)
        raise ModelError(f"{folder / FILE_NAME}: no {runtime} {precision} file; it has {there}")
    for part in (entry, *entry.parts):
        require_unchanged(part, folder)
    return folder / entry.file


def require_unchanged(file: StoredFile, folder: Path) -> None:
    """Raise `ModelError` unless the file is there and its hash is the manifest's."""
    path = folder / file.file
    try:
        found = sha256(path)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from None
    if found != file.sha256:
        raise ModelError(
            f"{path}: SHA-256 is {found[:12]}..., the manifest says {file.sha256[:12]}...: "
            "the file was changed or damaged; fetch it again"
        )


def stored(path: Path) -> StoredFile:
    """The entry for a file as it is now."""
    return StoredFile(file=path.name, sha256=sha256(path), bytes=path.stat().st_size)


def sha256(path: Path) -> str:
    """Hash of a file, as hexadecimal digits."""
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
