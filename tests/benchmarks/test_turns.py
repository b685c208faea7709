"""Candidates in turns: what a machine that changes its speed does to their ratio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.candidates.environments import UnavailableError
from benchmarks.turns import order, ratios, summed, take_turns


class Slowing:
    """A machine that takes a tenth longer for each turn than for the one before."""

    def __init__(self) -> None:
        self.pace = 1.0

    def reader(self, milliseconds: float, until: int = 99) -> Callable[[], dict[str, Any]]:
        left = iter(range(until))

        def turn() -> dict[str, Any]:
            if next(left, None) is None:
                raise UnavailableError("failed: out of luck")
            self.pace *= 1.1
            took = 10 * milliseconds * self.pace
            return {
                "frames": 10,
                "milliseconds": took,
                "stages": {"detect": took / 2},
                "faces": {"1": 9, "0": 1},
                "emotions": {"neutral": 9},
                "peak_memory_mb": self.pace,
            }

        return turn


class Reader:
    def __init__(self, turn: Callable[[], dict[str, Any]]) -> None:
        self._turn = turn

    def turn(self, seconds: float) -> dict[str, Any]:
        assert seconds == 0.5
        return self._turn()


def test_ratios_are_right_while_the_machine_slows_down() -> None:
    machine = Slowing()
    readers = {"a": Reader(machine.reader(2)), "b": Reader(machine.reader(6))}
    turns, reasons = take_turns(readers, 8, 0.5, "a")
    assert not reasons
    assert [turn.name for turn in turns] == ["a", "b"] * 8 + ["a"]
    over = ratios(turns, "a")
    # The mean of 1/1.1 and 1.1 is 1.0045: all that is left of a slope of a tenth a turn.
    assert over["b"] == pytest.approx([3 / 1.00455] * 8, rel=1e-4)
    own = summed([turn for turn in turns if turn.name == "b"], over["b"])
    assert own["frames"] == 80
    assert own["faces"] == {"1": 72, "0": 8}
    assert own["stages"]["detect"] == pytest.approx(own["milliseconds"] / 2)
    assert own["peak_memory_mb"] == pytest.approx(1.1**16)
    assert own["turns"][-1] / own["turns"][0] == pytest.approx(1.1**14)
    assert own["ratio"]["high"] - own["ratio"]["low"] < 1e-6


def test_half_of_the_turns_lie_in_the_spread_that_is_told() -> None:
    machine = Slowing()
    turns, _ = take_turns({"b": Reader(machine.reader(2))}, 2, 0.5, "a")
    spread = {"median": 3.0, "low": 2.0, "high": 4.0}
    assert summed(turns, [9.0, 1.0, 3.0, 2.0, 4.0])["ratio"] == spread
    assert summed(turns, [3.0])["ratio"] == {"median": 3.0, "low": 3.0, "high": 3.0}


def test_one_that_fails_takes_no_more_turns_and_the_others_go_on() -> None:
    machine = Slowing()
    readers = {name: Reader(machine.reader(2, left)) for name, left in (("a", 99), ("b", 1))}
    turns, reasons = take_turns(readers | {"c": Reader(machine.reader(2))}, 2, 0.5, "a")
    assert reasons == {"b": "failed: out of luck"}
    assert "".join(turn.name for turn in turns) == "abacaaca"


def test_without_a_reference_there_is_no_ratio() -> None:
    machine = Slowing()
    turns, _ = take_turns({"b": Reader(machine.reader(2))}, 2, 0.5, "a")
    assert ratios(turns, "a") == {}
    assert "ratio" not in summed(turns, [])
    assert list(order(["a"], 3, "a")) == ["a", "a", "a"]
