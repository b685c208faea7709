"""`emotion-train robustness`: what a camera and a detector do to a face, and what that costs.

Every condition changes all pictures of a part in one fixed way; the accuracy is measured as always
and held against that on the unchanged pictures. Sizes are for the 48 pixels of FER2013.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from training.candidate import Candidate
from training.ferplus import FerPlus
from training.judged import judged_rows

Images = npt.NDArray[np.uint8]
Change = Callable[[Images, np.random.Generator], Images]
"""One picture (S x S grey) as the condition has it."""

_SEED: Final = 0


@dataclass(frozen=True)
class Outcome:
    """A model under one condition."""

    accuracy: float
    changed: float
    """Share of the pictures whose answer is another than without the condition."""


@dataclass(frozen=True)
class Robustness:
    """A model under all conditions, in the order of `CONDITIONS`."""

    model: str
    part: str
    pictures: int
    plain: float
    """Accuracy on the unchanged pictures."""
    outcomes: dict[str, Outcome]
    flips: float
    """Share of the pictures whose answer changes under any of `SMALL`: shifts of a pixel, two
    degrees, a little light. The camera does all of them in every second."""

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON carries it."""
        return {
            "model": self.model,
            "part": self.part,
            "pictures": self.pictures,
            "accuracy": round(self.plain, 6),
            "answer_changes_under_small_perturbations": round(self.flips, 6),
            "conditions": {
                name: {
                    "accuracy": round(found.accuracy, 6),
                    "points_lost": round(100 * (self.plain - found.accuracy), 2),
                    "answers_changed": round(found.changed, 6),
                }
                for name, found in self.outcomes.items()
            },
        }

    @property
    def bars(self) -> tuple[dict[str, float], float, str]:
        """What the plot shows: accuracy by condition, that without any, and a title."""
        accuracy = {name: outcome.accuracy for name, outcome in self.outcomes.items()}
        title = f"{Path(self.model).name}, {self.pictures:,} pictures of the {self.part} part"
        return accuracy, self.plain, title

    def text(self) -> str:
        """A table for the terminal."""
        lines = [
            f"{self.model}, {self.pictures:,} pictures of the {self.part} part",
            f"{'condition':<24}{'accuracy':>10}{'points lost':>13}{'answers changed':>17}",
            f"{'none':<24}{100 * self.plain:>8.2f} %{'':>13}{'':>17}",
        ]
        lines += [
            f"{name:<24}{100 * found.accuracy:>8.2f} %{100 * (self.plain - found.accuracy):>13.2f}"
            f"{100 * found.changed:>15.1f} %"
            for name, found in self.outcomes.items()
        ]
        lines.append(f"small perturbations change the answer to {100 * self.flips:.1f} %")
        return "\n".join(lines)


def survey(candidate: Candidate, data: FerPlus, part: str) -> Robustness:
    """Measure a model under every condition, showing progress.

    Raises `TrainingError` where the data has no such part or no picture that the rule keeps.
    """
    rows, labels = judged_rows(data, part)
    images = data[part].images[rows]

    def answers(change: Change | None) -> npt.NDArray[np.intp]:
        rng = np.random.default_rng(_SEED)
        changed = images if change is None else np.stack([change(i, rng) for i in images])
        return np.asarray(candidate.logits(changed).argmax(axis=1), np.intp)

    plain = answers(None)
    outcomes: dict[str, Outcome] = {}
    for name, change in _watched(CONDITIONS):
        given = answers(change)
        outcomes[name] = Outcome(float((given == labels).mean()), float((given != plain).mean()))
    small = [answers(change) != plain for _, change in _watched(SMALL)]
    return Robustness(
        model=candidate.name,
        part=part,
        pictures=len(labels),
        plain=float((plain == labels).mean()),
        outcomes=outcomes,
        flips=float(np.any(small, axis=0).mean()),
    )


def write(found: Robustness, folder: Path) -> list[Path]:
    """Write `robustness.json` and `robustness.png`, and return their paths."""
    from training import plots  # noqa: PLC0415  # matplotlib takes a second to load

    folder.mkdir(parents=True, exist_ok=True)
    page, picture = folder / "robustness.json", folder / "robustness.png"
    page.write_text(json.dumps(found.as_dict(), indent=2) + "\n", encoding="utf-8")
    plots.robustness(*found.bars).savefig(picture)
    return [page, picture]


def _watched(conditions: dict[str, Change]) -> Any:
    return tqdm(conditions.items(), unit="condition", disable=None)


def _blur(image: Images, _: np.random.Generator, sigma: float) -> Images:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def _noise(image: Images, rng: np.random.Generator, sigma: float) -> Images:
    noisy = image + rng.normal(0, sigma, image.shape)
    return np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8)


def _light(image: Images, _: np.random.Generator, factor: float) -> Images:
    return np.asarray(np.clip(np.rint(image * factor), 0, 255), np.uint8)


def _dark(image: Images, rng: np.random.Generator) -> Images:
    """A quarter of the light, with the noise of a sensor that is starved of it."""
    return _noise(_light(image, rng, 0.25), rng, 4)


def _jpeg(image: Images, _: np.random.Generator, quality: int) -> Images:
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


def _small(image: Images, _: np.random.Generator, pixels: int) -> Images:
    """A face of so many pixels, enlarged again as the agent's crop does."""
    shrunk = cv2.resize(image, (pixels, pixels), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, image.shape, interpolation=cv2.INTER_LINEAR), np.uint8)


def _framed(
    image: Images,
    _: np.random.Generator,
    across: float = 0.0,
    down: float = 0.0,
    scale: float = 1.0,
    degrees: float = 0.0,
) -> Images:
    """Cut by a box that is shifted (shares of the side), larger (`scale`) or not level."""
    side = image.shape[0]
    centre = (side - 1) / 2
    matrix = cv2.getRotationMatrix2D((centre, centre), degrees, 1 / scale)
    matrix[:, 2] -= side * across, side * down
    moved = cv2.warpAffine(
        image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)


def _mirrored(image: Images, _: np.random.Generator) -> Images:
    return np.ascontiguousarray(image[:, ::-1])


CONDITIONS: Final[dict[str, Change]] = {
    "blur, sigma 1": partial(_blur, sigma=1.0),
    "blur, sigma 2": partial(_blur, sigma=2.0),
    "noise, sigma 8": partial(_noise, sigma=8.0),
    "noise, sigma 16": partial(_noise, sigma=16.0),
    "low light": _dark,
    "JPEG, quality 30": partial(_jpeg, quality=30),
    "JPEG, quality 10": partial(_jpeg, quality=10),
    "face of 32 pixels": partial(_small, pixels=32),
    "face of 24 pixels": partial(_small, pixels=24),
    "tilted by 10 degrees": partial(_framed, degrees=10.0),
    "tilted by 20 degrees": partial(_framed, degrees=20.0),
    "box 8 % to the left": partial(_framed, across=-0.08),
    "box 8 % to the right": partial(_framed, across=0.08),
    "box 8 % up": partial(_framed, down=-0.08),
    "box 8 % down": partial(_framed, down=0.08),
    "box of 0.85": partial(_framed, scale=0.85),
    "box of 1.2": partial(_framed, scale=1.2),
    "mirrored": _mirrored,
}
"""By name; each is the same for every model and every run."""

SMALL: Final[dict[str, Change]] = {
    "a pixel across": partial(_framed, across=1 / 48),
    "a pixel down": partial(_framed, down=1 / 48),
    "two degrees": partial(_framed, degrees=2.0),
    "5 % larger": partial(_framed, scale=1.05),
    "10 % darker": partial(_light, factor=0.9),
}
"""What happens to a face that keeps still."""
