from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from agent.runtimes.outputs import calibrated
from training.calibration import RANGE, fit_temperature
from training.metrics import measure


def drawn(
    temperature: float, pictures: int = 20_000
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Logits, and labels drawn from what they mean at that temperature."""
    rng = np.random.default_rng(11)
    logits = rng.normal(0, 3, (pictures, 8))
    cumulated = calibrated(logits, "logits", temperature).cumsum(axis=1)
    labels = (cumulated < rng.random((pictures, 1))).sum(axis=1).clip(max=7)
    return logits, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7, 4.0])
def test_finds_the_temperature_that_the_labels_were_drawn_at(temperature: float) -> None:
    logits, labels = drawn(temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.03)


@pytest.mark.parametrize("temperature", [0.4, 2.5])
def test_finds_the_temperature_of_soft_targets_exactly(temperature: float) -> None:
    logits, _ = drawn(1.0, 500)
    soft = calibrated(logits, "logits", temperature)
    assert fit_temperature(logits, soft) == pytest.approx(temperature, rel=1e-3)


def test_the_fit_has_the_least_cross_entropy_and_mends_the_calibration_error() -> None:
    logits, labels = drawn(2.0)
    best = fit_temperature(logits, labels)

    def cross_entropy(temperature: float) -> float:
        return measure(calibrated(logits, "logits", temperature), labels).cross_entropy

    assert cross_entropy(best) < min(cross_entropy(best * 0.95), cross_entropy(best * 1.05))
    raw = measure(calibrated(logits, "logits", 1.0), labels)
    mended = measure(calibrated(logits, "logits", best), labels)
    assert raw.calibration_error > 0.1
    assert mended.calibration_error < 0.02
    assert mended.accuracy == raw.accuracy


def test_logits_that_are_always_right_stay_within_the_range() -> None:
    labels = np.arange(8)
    assert fit_temperature(5 * np.eye(8), labels) == pytest.approx(RANGE[0], rel=1e-6)


def test_logits_worse_than_chance_stay_within_the_range() -> None:
    assert fit_temperature(5 * np.eye(8), (np.arange(8) + 1) % 8) == pytest.approx(RANGE[1])


@pytest.mark.parametrize(
    ("logits", "targets"),
    [
        (np.zeros((0, 8)), np.zeros(0)),
        (np.zeros((4, 8)), np.zeros(3)),
        (np.zeros((4, 8)), np.zeros((4, 7))),
    ],
)
def test_refuses_shapes_that_do_not_fit(
    logits: npt.NDArray[np.float64], targets: npt.NDArray[np.float64]
) -> None:
    with pytest.raises(ValueError, match="logits"):
        fit_temperature(logits, targets)
