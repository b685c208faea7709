from __future__ import annotations

import pytest

from agent.faces.motion import Motion
from agent.types import Box


def moving(time: float) -> Box:
    """Right by 80 and down by 20 pixels a second, growing by 10."""
    return Box(100 + 80 * time, 50 + 20 * time, 60 + 10 * time, 70 + 10 * time)


@pytest.mark.parametrize("rate", [5, 12.5, 30])
def test_a_steady_face_is_foretold_at_any_frame_rate(rate: float) -> None:
    motion = Motion(moving(0))
    for index in range(1, int(2 * rate) + 1):
        motion.advance(1 / rate)
        motion.correct(moving(index / rate))

    motion.advance(0.5)

    expected = moving(int(2 * rate) / rate + 0.5)
    assert motion.box.centre == pytest.approx(expected.centre, abs=1.5)
    assert motion.box.width == pytest.approx(expected.width, abs=1.5)


def test_one_long_step_is_many_short_ones() -> None:
    one, many = Motion(moving(0)), Motion(moving(0))
    for motion in (one, many):
        motion.advance(0.1)
        motion.correct(moving(0.1))

    one.advance(0.6)
    for _ in range(6):
        many.advance(0.1)
    for motion in (one, many):
        motion.correct(moving(0.9))

    assert one.box.centre == pytest.approx(many.box.centre)


def test_a_face_that_moves_away_never_gets_smaller_than_a_pixel() -> None:
    motion = Motion(Box(0, 0, 100, 100))
    for index in range(1, 5):
        motion.advance(0.1)
        motion.correct(Box(0, 0, 100 - 20 * index, 100 - 20 * index))

    motion.advance(2)

    assert motion.box.width == motion.box.height == 1
