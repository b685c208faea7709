from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from training.augment import NONE
from training.errors import TrainingError
from training.plan import PAPER, PRESETS, Plan


def test_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    plan = Plan(peak_rate=0.2, warm_up=0.25)
    rates = [plan.rate(step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.04 * 0.2)
    assert rates[25] == pytest.approx(0.2)
    assert rates[100] == pytest.approx(0, abs=1e-12)
    assert all(a < b for a, b in pairwise(rates[:26]))
    assert all(a > b for a, b in pairwise(rates[25:]))


@pytest.mark.parametrize("warm_up", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_rate_stays_usable_in_the_shortest_runs(warm_up: float, steps: int) -> None:
    plan = Plan(peak_rate=0.1, warm_up=warm_up)
    for step in range(steps + 1):
        assert 0 <= plan.rate(step, steps) <= 0.1


def test_weight_average_forgets_the_start_and_then_keeps_its_decay() -> None:
    plan = Plan(average=0.99)
    assert plan.average_decay(0) == pytest.approx(0.1)
    assert plan.average_decay(10) == pytest.approx(11 / 20)
    assert plan.average_decay(10_000) == 0.99


def test_a_kept_plan_has_no_differences_to_itself(tmp_path: Path) -> None:
    plan = Plan()
    kept = tmp_path / "plan.json"
    kept.write_text(json.dumps(plan.as_dict()))
    assert plan.differences(kept) == []


def test_differences_name_the_settings(tmp_path: Path) -> None:
    kept = tmp_path / "plan.json"
    kept.write_text(json.dumps(Plan().as_dict()))
    other = replace(Plan(), seed=3, epochs=2, augmentation=NONE)
    assert other.differences(kept) == ["augmentation", "epochs", "seed"]


def test_a_setting_that_the_kept_plan_lacks_is_a_difference(tmp_path: Path) -> None:
    old = Plan().as_dict()
    del old["average"]
    kept = tmp_path / "plan.json"
    kept.write_text(json.dumps(old))
    assert Plan().differences(kept) == ["average"]


def test_a_plan_from_before_a_setting_was_there_goes_on_as_it_was(tmp_path: Path) -> None:
    old = Plan().as_dict()
    del old["teachers_see"], old["rare_share"]
    kept = tmp_path / "plan.json"
    kept.write_text(json.dumps(old))
    assert Plan().differences(kept) == []
    assert replace(Plan(), rare_share=0.02).differences(kept) == ["rare_share"]


@pytest.mark.parametrize("content", ["", "{", "3"])
def test_a_damaged_plan_is_refused(tmp_path: Path, content: str) -> None:
    kept = tmp_path / "plan.json"
    kept.write_text(content)
    with pytest.raises(TrainingError, match=r"plan\.json: not a plan"):
        Plan().differences(kept)


def test_the_papers_rate_halves_after_20_epochs_and_falls_to_a_tenth_after_40() -> None:
    steps = PAPER.epochs * 10
    shares = [PAPER.rate(step, steps) / PAPER.peak_rate for step in range(steps)]
    assert shares[:200] == [1.0] * 200
    assert shares[200:400] == [0.5] * 200
    assert shares[400:] == pytest.approx([0.1] * 600)


def test_the_papers_preset_is_its_recipe() -> None:
    plan = PRESETS["paper"]
    assert (plan.model, plan.targets, plan.batch, plan.momentum) == (
        "vgg13",
        "probability",
        32,
        0.9,
    )
    assert not plan.nesterov
    assert plan.augmentation.degrade_chance == plan.augmentation.erase_chance == 0
    assert plan.average_decay(1000) == 0  # the weights themselves are the result
