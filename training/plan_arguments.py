"""The flags of `emotion-train train` that make a plan: a preset, and what is changed of it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from typing import Any, Final, get_args

from training.augment import NONE
from training.plan import PRESETS, Plan, Schedule
from training.targets import MODES

PRECISIONS: Final = ("mixed_bfloat16", "float32")


def _number(
    kind: Callable[[str], float], accepts: Callable[[float], bool], wanted: str
) -> Callable[[str], float]:
    """An argparse type that says what it wants."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = nan
        if not accepts(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
        return value

    return parse


count: Final = _number(int, lambda n: n >= 1, "a whole number of at least 1")
_seed: Final = _number(int, lambda n: 0 <= n < 2**32, "a whole number from 0 to 2^32 - 1")
above_zero: Final = _number(float, lambda n: 0 < n < inf, "a number above 0")
_decay: Final = _number(float, lambda n: 0 <= n < inf, "a number of at least 0")
share: Final = _number(float, lambda n: 0 <= n < 1, "a share from 0 to below 1")

_FLAGS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "--model": ("model", {}),
    "--width": ("width", {"type": above_zero}),
    "--targets": ("targets", {"choices": MODES}),
    "--epochs": ("epochs", {"type": count}),
    "--batch": ("batch", {"type": count}),
    "--seed": ("seed", {"type": _seed}),
    "--schedule": ("schedule", {"choices": get_args(Schedule)}),
    "--rate": ("peak_rate", {"type": above_zero}),
    "--warm-up": ("warm_up", {"type": share}),
    "--momentum": ("momentum", {"type": share}),
    "--weight-decay": ("weight_decay", {"type": _decay}),
    "--average": ("average", {"type": share}),
    "--precision": ("precision", {"choices": PRECISIONS}),
    "--teacher-share": ("teacher_share", {"type": share}),
    "--teachers-see": ("teachers_see", {"choices": ("originals", "augmented")}),
    "--rare-share": ("rare_share", {"type": share}),
}
"""Setting of the plan and argparse's options, by flag."""

_PRESET_OF: Final = {"vgg13": "paper"}
"""The preset of a network that was published with one."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the flags; `plan_from` reads them."""
    add = parser.add_argument_group(
        "plan", "decides the result; a run is only taken up unchanged"
    ).add_argument
    add(
        "--preset",
        choices=tuple(PRESETS),
        help="what the flags below change (default: compact; paper for vgg13)",
    )
    compact, paper = PRESETS["compact"], PRESETS["paper"]
    for flag, (setting, options) in _FLAGS.items():
        ours, theirs = getattr(compact, setting), getattr(paper, setting)
        default = f"default: {ours}" if ours == theirs else f"default: {ours}; paper: {theirs}"
        add(flag, dest=setting, default=None, help=default, **options)
    add("--start-from", metavar="MODEL.keras", help="begin with its weights")
    add(
        "--teacher",
        dest="teachers",
        metavar="MODEL",
        action="append",
        help="a finished model (.keras, or a folder with a manifest) whose opinion softens the "
        "targets; again for an ensemble",
    )
    add("--limit", type=count, help="train on this many pictures only")
    add("--augmentation", type=_decay, metavar="FACTOR", help="strength; default: 1")
    add("--no-augmentation", action="store_true", help="train on unchanged pictures")


def plan_from(arguments: argparse.Namespace) -> Plan:
    """The plan that the flags describe."""
    preset = arguments.preset or _PRESET_OF.get(arguments.model, "compact")
    settings = [setting for setting, _ in _FLAGS.values()] + ["start_from", "limit"]
    given = {name: getattr(arguments, name) for name in settings}
    changed = {name: value for name, value in given.items() if value is not None}
    if arguments.teachers:
        changed["teachers"] = tuple(arguments.teachers)
    if arguments.augmentation is not None:
        changed["augmentation"] = PRESETS[preset].augmentation.scaled(arguments.augmentation)
    if arguments.no_augmentation:
        changed["augmentation"] = NONE
    return replace(PRESETS[preset], **changed)
