from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError
from converters.parity import LIMITS, Parity, reference
from converters.pictures import labelled
from training.ferplus import FerPlus

GOOD = Parity(
    agreement=0.995,
    mean_difference=0.002,
    largest_difference=0.08,
    accuracy_loss=0.001,
    control_transposed=0.44,
    control_unscaled=0.04,
)


def test_a_good_int8_file_has_no_complaints() -> None:
    assert GOOD.complaints(LIMITS["int8"]) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"agreement": 0.97}, "agreement 97.00 % under 99.00 %"),
        ({"agreement": float("nan")}, "agreement nan % under 99.00 %"),
        ({"accuracy_loss": 0.006}, "accuracy loss 0.60 points over 0.50"),
        ({"mean_difference": 0.02}, "mean difference 0.02 over 0.01"),
        ({"largest_difference": 0.4}, "largest difference 0.4 over 0.3"),
        ({"largest_difference": float("nan")}, "largest difference nan over 0.3"),
        ({"control_transposed": 0.9}, "wrong inputs (transposed) agree in 90.00 %"),
        ({"control_unscaled": 0.9}, "wrong inputs (unscaled) agree in 90.00 %"),
    ],
)
def test_each_limit_is_told_by_name_and_number(change: dict[str, float], complaint: str) -> None:
    complaints = replace(GOOD, **change).complaints(LIMITS["int8"])

    assert len(complaints) == 1
    assert complaint in complaints[0]


def test_what_is_good_for_int8_is_broken_for_float32() -> None:
    assert len(GOOD.complaints(LIMITS["float32"])) == 3


def test_the_reference_is_calibrated_and_knows_its_accuracy(trained: Any, data: FerPlus) -> None:
    found = reference(trained, Preprocessing(), labelled(data, "valid", Preprocessing()))

    assert found.metrics.accuracy > 0.8
    assert found.metrics.calibration_error < 0.1
    assert 0.05 < found.temperature < 20


def test_a_model_that_gives_one_answer_to_everything_is_refused(
    untrained: Callable[[], Any], data: FerPlus
) -> None:
    model = untrained()
    last = model.get_layer("logits")
    last.set_weights([last.get_weights()[0] * 0, last.get_weights()[1] + 1])

    with pytest.raises(ModelError, match="nearly the same answer to every picture"):
        reference(model, Preprocessing(), labelled(data, "valid", Preprocessing()))
