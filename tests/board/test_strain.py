"""How much work is left out on a board that is hot or short of memory, and when it comes back."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from agent.board.readings import Memory, Temperature
from agent.board.strain import Load, Strain


def warm(degrees: float, limit: float | None = None) -> Load:
    return Load(Temperature("cpu", degrees, limit), None, None)


def tight(share: float) -> Load:
    return Load(None, Memory(1000, round(1000 * share)), None)


def strides(loads: Iterable[Load]) -> list[int]:
    """The stride after each of these loads, looked at ten seconds apart."""
    loads = list(loads)
    remaining = iter(loads)
    strain = Strain(lambda: next(remaining))
    found = []
    for number in range(len(loads)):
        strain.look(10.0 * number)
        found.append(strain.stride)
    return found


def test_a_cool_board_does_all_the_work() -> None:
    assert strides([warm(20), warm(60), warm(79.9), tight(0.5), Load(None, None, None)]) == 5 * [1]


def test_the_warmer_the_less_and_back_again_only_once_it_has_cooled() -> None:
    degrees = [79, 80, 85, 90, 99, 87, 85.9, 82, 80.9, 77, 75.9]
    assert strides(map(warm, degrees)) == [1, 2, 4, 8, 8, 8, 4, 4, 2, 2, 1]


def test_the_limit_of_the_board_itself_counts() -> None:
    assert strides([warm(90, 99), warm(94, 99), warm(60, 65)]) == [1, 2, 2]


def test_the_less_memory_the_less_work() -> None:
    shares = [0.2, 0.09, 0.05, 0.02, 0.04, 0.08, 0.10, 0.14]
    assert strides(map(tight, shares)) == [1, 2, 4, 8, 8, 4, 2, 1]


def test_the_worse_of_both_counts() -> None:
    both = Load(Temperature("cpu", 81, None), Memory(100, 5), None)
    assert strides([both]) == [4]


def test_what_ails_is_told_and_taken_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    loads = iter([warm(91), Load(None, None, 10_000_000), Load(None, None, 10**9)])
    strain = Strain(lambda: next(loads))
    strain.look(0.0)
    assert strain.ailments == {"temperature": "91 °C (cpu)"}
    assert "one frame in 8 is worked on (91 °C (cpu))" in caplog.text
    strain.look(10.0)
    assert strain.ailments == {"temperature": "ok", "disk": "10 MB left"}
    strain.look(20.0)
    assert strain.ailments == {"temperature": "ok", "disk": "ok"}
    assert caplog.messages[-1].startswith("one frame in 1 is worked on")


def test_the_board_is_not_read_at_every_frame() -> None:
    reads = []
    strain = Strain(lambda: reads.append(1) or warm(20))  # type: ignore[func-returns-value]
    for hundredth in range(1000):
        strain.look(hundredth / 100)
    assert len(reads) == 2
