"""Does a converted file still say what the Keras model says?

The answers of both are compared on labelled pictures through the runtime that the agent uses.
A comparison that could not fail would prove nothing, so it comes with negative controls: wrong
inputs, on which the two must disagree, and a refusal of models that answer the same to everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Precision
from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError
from agent.runtimes.outputs import calibrated, in_ferplus_order
from agent.runtimes.runtime import EmotionRuntime
from converters.pictures import Labelled
from training.calibration import fit_temperature
from training.metrics import Metrics, measure

Probabilities = npt.NDArray[np.float32]

CONTROL_PICTURES: Final = 512
MOST_CONTROL_AGREEMENT: Final = 0.7
LEAST_SPREAD: Final = 0.05
"""Largest standard deviation of an emotion's probability over all pictures; a trained network has
0.4, one that repeats one answer has none."""


@dataclass(frozen=True)
class Limits:
    """How far a file may be from the Keras model."""

    agreement: float
    """Least share of pictures with the same answer."""
    accuracy_loss: float
    """Largest loss of accuracy, as a share of the pictures."""
    mean_difference: float
    """Largest mean difference of a probability."""
    largest_difference: float


_QUANTIZED: Final = Limits(0.99, 0.005, 1e-2, 0.3)
"""Measured on fer-compact: 99.1 to 99.4 % agreement in every engine, under 88 % where calibration
saw black pictures or noise. The loss of accuracy stays within the 0.7 points by which 3,199
pictures are sure of an accuracy at all."""

LIMITS: Final[dict[Precision, Limits]] = {
    # The same numbers up to the order of additions: only a tie may flip.
    "float32": Limits(0.999, 0.001, 1e-4, 1e-2),
    # Weights rounded to 11 bits.
    "float16": Limits(0.999, 0.001, 1e-3, 3e-2),
    "dynamic": _QUANTIZED,
    "int8": _QUANTIZED,
    "int8-float-io": _QUANTIZED,
}


@dataclass(frozen=True)
class Reference:
    """The Keras model's answers on the validation pictures, which every file is held against."""

    pictures: Labelled
    temperature: float
    """Fitted on these pictures."""
    probabilities: Probabilities
    unscaled: Probabilities
    """Answers to the first `CONTROL_PICTURES` with the pixels not brought into the input range."""

    @property
    def metrics(self) -> Metrics:
        return measure(self.probabilities, self.pictures.labels)


@dataclass(frozen=True)
class Parity:
    """One file against the Keras model."""

    agreement: float
    mean_difference: float
    largest_difference: float
    accuracy_loss: float
    """Of the reference's accuracy; negative where the file is better."""
    control_transposed: float
    """Agreement when the file gets the pictures transposed."""
    control_unscaled: float
    """Agreement when the Keras model gets pixels as they are."""

    def complaints(self, limits: Limits) -> list[str]:
        """What is over the limits, one phrase each; empty for a good file."""
        found = []
        # Each is asked the way round in which a NaN is a complaint, too.
        if not self.agreement >= limits.agreement:
            found.append(f"agreement {_percent(self.agreement)} under {_percent(limits.agreement)}")
        if not self.accuracy_loss <= limits.accuracy_loss:
            found.append(
                f"accuracy loss {100 * self.accuracy_loss:.2f} points over "
                f"{100 * limits.accuracy_loss:.2f}"
            )
        for name in ("mean_difference", "largest_difference"):
            value, limit = getattr(self, name), getattr(limits, name)
            if not value <= limit:
                found.append(f"{name.replace('_', ' ')} {value:.2g} over {limit:g}")
        for name in ("control_transposed", "control_unscaled"):
            value = getattr(self, name)
            if not value <= MOST_CONTROL_AGREEMENT:
                found.append(
                    f"the answers to wrong inputs ({name.removeprefix('control_')}) agree in "
                    f"{_percent(value)}, so agreement proves nothing"
                )
        return found


def reference(
    model: Any,
    preprocessing: Preprocessing,
    pictures: Labelled,
    labels: Sequence[str] = EMOTIONS,
) -> Reference:
    """Ask the Keras model and fit the temperature (Guo et al. 2017); `labels` name its outputs.

    Raises `ModelError` for a model whose answers hardly depend on the picture.
    """
    inputs = preprocessing.normalise(pictures.crops)
    pixels = pictures.crops[:CONTROL_PICTURES, ..., np.newaxis].astype(np.float32)
    if preprocessing.divisor == 1:
        pixels /= 255  # the pixels as they are would be right
    logits = _predict(model, inputs)
    spread = calibrated(logits, "logits", 1.0).std(axis=0).max()
    if not spread >= LEAST_SPREAD:
        raise ModelError(
            f"the model gives nearly the same answer to every picture (probabilities vary by "
            f"{spread:.3f}, expected at least {LEAST_SPREAD}): it has not learned"
        )
    temperature = fitted_temperature(logits, pictures.labels, labels)
    probabilities, unscaled = (
        in_ferplus_order(calibrated(given, "logits", temperature), labels)
        for given in (logits, _predict(model, pixels))
    )
    return Reference(pictures, temperature, probabilities, unscaled)


def fitted_temperature(
    logits: npt.NDArray[np.floating[Any]], truth: npt.NDArray[np.intp], labels: Sequence[str]
) -> float:
    """By the pictures whose emotion (`truth`, in FER+ order) is among the `labels` of the logits'
    columns; one where there is none.
    """
    columns = np.full(len(EMOTIONS), -1)
    columns[[EMOTIONS.index(label) for label in labels]] = np.arange(len(labels))
    known = columns[truth] >= 0
    if not known.any():
        return 1.0
    return round(fit_temperature(logits[known], columns[truth[known]]), 4)


def compare(runtime: EmotionRuntime, expected: Reference) -> tuple[Parity, Metrics]:
    """Run the validation pictures and the controls through the runtime."""
    crops, labels = expected.pictures.crops, expected.pictures.labels
    given = runtime.predict(crops)
    transposed = runtime.predict(np.ascontiguousarray(crops[:CONTROL_PICTURES].transpose(0, 2, 1)))
    difference = np.abs(given - expected.probabilities)
    metrics = measure(given, labels)
    parity = Parity(
        agreement=_agreement(given, expected.probabilities),
        mean_difference=float(difference.mean()),
        largest_difference=float(difference.max()),
        accuracy_loss=expected.metrics.accuracy - metrics.accuracy,
        control_transposed=_agreement(transposed, expected.probabilities[:CONTROL_PICTURES]),
        control_unscaled=_agreement(given[:CONTROL_PICTURES], expected.unscaled),
    )
    return parity, metrics


def _predict(model: Any, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(model.predict(inputs, batch_size=256, verbose=0), np.float32)


def _agreement(one: Probabilities, other: Probabilities) -> float:
    return float((one.argmax(axis=1) == other.argmax(axis=1)).mean())


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
