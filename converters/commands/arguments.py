"""Arguments that several commands of `emotion-convert` take."""

from __future__ import annotations

import argparse
import re
from typing import get_args

from agent.emotion.manifest import Precision
from converters.targets import TARGETS


def wanted(text: str) -> dict[str, tuple[Precision, ...]]:
    """Precisions by target from `tflite,onnx:int8,onnx:float32`; `all` stands for all targets."""
    every: tuple[Precision, ...] = get_args(Precision)
    if text == "all":
        return dict.fromkeys(TARGETS, every)
    chosen: dict[str, tuple[Precision, ...]] = {}
    for item in text.split(","):
        name, _, given = item.strip().partition(":")
        if name not in TARGETS:
            raise argparse.ArgumentTypeError(
                f"unknown target '{name}'; the targets are all, {', '.join(TARGETS)}"
            )
        if given and given not in every:
            raise argparse.ArgumentTypeError(
                f"unknown precision '{given}'; the precisions are {', '.join(every)}"
            )
        fitting = tuple(each for each in every if given in ("", each))
        chosen[name] = chosen.get(name, ()) + fitting
    if "tensorrt" in chosen:  # engines are built from ONNX files, on every machine anew
        chosen.setdefault("onnx", every)
    return chosen


def model_name(text: str) -> str:
    """A model's name, as folders and events carry it."""
    if not re.fullmatch("[a-z0-9][a-z0-9-]*", text):
        raise argparse.ArgumentTypeError(f"{text!r}: small letters, digits and hyphens only")
    return text


def value_range(text: str) -> tuple[float, float]:
    """`LOW..HIGH`, two different numbers."""
    try:
        low, high = (float(part) for part in text.split(".."))
    except ValueError:
        low = high = 0.0
    if not low < high < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: two numbers as in 0..255, the lower one first")
    return low, high
