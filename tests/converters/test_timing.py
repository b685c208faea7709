from __future__ import annotations

from time import process_time

import numpy as np
import numpy.typing as npt

from converters.timing import side_by_side


class Engine:
    """Works for as long as it is told, and keeps a list of who was asked."""

    model = "tiny@1"

    def __init__(self, kind: str, seconds: float, asked: list[str]) -> None:
        self.kind = kind
        self._seconds = seconds
        self._asked = asked

    def predict(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        assert crops.shape == (1, 48, 48)
        self._asked.append(self.kind)
        end = process_time() + self._seconds
        while process_time() < end:
            pass
        return np.full((1, 8), 0.125, np.float32)

    def close(self) -> None:
        """Holds nothing."""


def test_engines_take_turns_and_the_slower_one_takes_longer() -> None:
    asked: list[str] = []
    quick, slow = Engine("quick", 0.0001, asked), Engine("slow", 0.001, asked)

    one, other = side_by_side([quick, slow], np.zeros((3, 48, 48), np.uint8))

    assert asked[-6:] == ["quick", "slow"] * 3
    assert 0.1 <= one.processor < other.processor
    assert other.processor >= 1
    assert other.elapsed >= 1


def test_nothing_to_time_is_no_time() -> None:
    assert side_by_side([], np.zeros((3, 48, 48), np.uint8)) == []
