from __future__ import annotations

import argparse
from dataclasses import replace

import pytest

from training import plan_arguments
from training.augment import NONE
from training.plan import PAPER, Plan


def plan(*flags: str) -> Plan:
    parser = argparse.ArgumentParser()
    plan_arguments.add_to(parser)
    return plan_arguments.plan_from(parser.parse_args(flags))


def test_without_flags_it_is_the_usual_plan() -> None:
    assert plan() == Plan()


def test_flags_change_the_preset() -> None:
    assert plan("--preset", "paper", "--targets", "majority", "--epochs", "2") == replace(
        PAPER, targets="majority", epochs=2
    )


def test_the_papers_network_comes_with_the_papers_recipe_unless_told_otherwise() -> None:
    assert plan("--model", "vgg13") == PAPER
    assert plan("--model", "vgg13", "--preset", "compact") == replace(Plan(), model="vgg13")


def test_a_zero_is_a_value() -> None:
    assert plan("--weight-decay", "0", "--average", "0", "--warm-up", "0") == replace(
        Plan(), weight_decay=0.0, average=0.0, warm_up=0.0
    )


def test_augmentation_can_be_left_out() -> None:
    assert plan("--no-augmentation").augmentation == NONE


def test_augmentation_has_a_strength() -> None:
    usual, half = Plan().augmentation, plan("--augmentation", "0.5").augmentation
    assert (half.rotation, half.erase_chance) == (usual.rotation / 2, usual.erase_chance / 2)
    assert half.flip == usual.flip
    assert plan("--augmentation", "9").augmentation.erase_chance == 1


@pytest.mark.parametrize(
    "flags", [("--rate", "0"), ("--epochs", "1.5"), ("--preset", "best"), ("--schedule", "cosine")]
)
def test_wrong_values_are_refused(flags: tuple[str, str]) -> None:
    with pytest.raises(SystemExit):
        plan(*flags)
