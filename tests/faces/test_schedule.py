"""When the whole picture is searched, played through without pictures."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from agent.faces.schedule import (
    FULL_AGE,
    MOVED_AGE,
    NEAR_AGE,
    STILL_AGE,
    Look,
    Scene,
    Schedule,
)

FPS = 30
ONE: dict[str, Any] = {"faces": 1, "nearable": True}


def play(schedule: Schedule, frames: int, **scene: Any) -> list[Look]:
    return [schedule.look(Scene(time=i / FPS, **scene)) for i in range(frames)]


def times_of(looks: list[Look], look: Look) -> list[float]:
    return [i / FPS for i, done in enumerate(looks) if done is look]


@pytest.mark.parametrize("every", [1, 2, 5])
def test_a_number_searches_every_nth_frame_whatever_happens(every: int) -> None:
    looks = play(Schedule(every), 11, settled=False, moved=True, cut=1.0)
    assert looks == [Look.WHOLE if i % every == 0 else Look.NONE for i in range(11)]


@pytest.mark.parametrize(("moved", "age"), [(False, FULL_AGE), (True, MOVED_AGE)])
def test_a_picture_without_faces_is_searched_as_often_as_it_moves(moved: bool, age: float) -> None:
    looks = play(Schedule(), 61, moved=moved)
    assert times_of(looks, Look.WHOLE) == pytest.approx([i * age for i in range(int(2 / age) + 1)])
    assert Look.NEAR not in looks


def test_what_moves_is_glanced_at_where_that_is_quicker_than_a_search() -> None:
    looks = play(Schedule(), 31, moved=True, glanceable=True)
    assert times_of(looks, Look.WHOLE) == pytest.approx([0, FULL_AGE, 2 * FULL_AGE])
    assert times_of(looks, Look.GLANCE) == pytest.approx([0.2, 0.4, 0.7, 0.9])
    looks = play(Schedule(), 33, **ONE, glanceable=True)  # the face alone moves
    assert times_of(looks, Look.WHOLE) == pytest.approx([0, STILL_AGE], abs=NEAR_AGE)
    assert times_of(looks, Look.GLANCE) == pytest.approx([FULL_AGE], abs=NEAR_AGE)
    assert Look.GLANCE not in play(Schedule(), 31, glanceable=True, still=True)


@pytest.mark.parametrize("calm", [False, True])
def test_a_glance_puts_off_no_look_at_a_known_face(calm: bool) -> None:
    schedule, looked = Schedule(), []
    for i in range(8):
        scene = Scene(i / 15, moved=True, glanceable=True, calm=calm, **ONE)
        look = schedule.look(scene)
        if look is Look.GLANCE:
            look = schedule.look_beside(scene)
        looked.append(look is not Look.NONE)
    assert looked == ([True, False] * 4 if calm else [True] * 8)


def test_a_known_face_is_looked_at_in_between_and_no_oftener_than_it_can_be_decided() -> None:
    looks = play(Schedule(), 31, **ONE)
    whole, near = times_of(looks, Look.WHOLE), times_of(looks, Look.NEAR)
    assert max(b - a for a, b in itertools.pairwise(whole)) <= FULL_AGE + NEAR_AGE
    assert len(whole) == 2
    assert sorted(whole + near) == pytest.approx([i / FPS for i in range(0, 31, 2)])


def test_a_slow_camera_has_every_frame_looked_at() -> None:
    schedule = Schedule()
    looks = [schedule.look(Scene(i / 15, faces=2, nearable=True)) for i in range(60)]
    assert Look.NONE not in looks


@pytest.mark.parametrize(("rate", "looked"), [(30, 10), (15, 8), (10, 10), (5, 5)])
def test_a_face_that_shows_what_is_decided_is_looked_at_less_often(rate: int, looked: int) -> None:
    schedule = Schedule()
    looks = [
        schedule.look(Scene(i / rate, faces=1, nearable=True, still=True, calm=True))
        for i in range(rate)
    ]
    assert len(looks) - looks.count(Look.NONE) == looked


def test_a_face_that_stays_as_it_was_is_looked_at_still_less_often() -> None:
    scene = {**ONE, "calm": True, "still": True}
    looks = play(Schedule(), 31, alike=True, **scene)
    assert times_of(looks, Look.NEAR) == pytest.approx([0.3, 0.6, 0.9])
    schedule = Schedule()
    looks = [schedule.look(Scene(i / FPS, alike=i < 5, **scene)) for i in range(10)]
    assert times_of(looks, Look.NEAR) == pytest.approx([6 / FPS, 9 / FPS])  # seen every 0.1 s


def test_frames_that_nobody_need_see_are_those_soon_after_one_that_was_seen() -> None:
    schedule = Schedule()
    assert not schedule.rests(0.0, settled=True, calm=True)
    schedule.look(Scene(0.0, **ONE))
    for time, settled, calm, rests in (
        (1 / 15, True, True, True),
        (1 / 15, True, False, False),
        (1 / 30, True, False, True),
        (1 / 30, False, False, False),
        (2 / 15, True, True, False),
        (-1.0, True, True, False),
    ):
        assert schedule.rests(time, settled, calm) is rests
    schedule.look(Scene(2 / 15, alike=True, calm=True, **ONE))  # seen, and no look came of it
    assert schedule.rests(3 / 15, settled=True, calm=True)
    assert not schedule.rests(3 / 15, settled=True, calm=False)


def test_the_first_look_that_shows_something_else_ends_the_calm() -> None:
    schedule = Schedule()
    looks = [
        schedule.look(Scene(i / 15, faces=1, nearable=True, calm=i < 3)).value for i in range(7)
    ]
    assert looks == ["whole", "none", "near", "near", "near", "near", "near"]


def test_a_picture_in_which_nothing_changes_is_searched_once_a_second() -> None:
    looks = play(Schedule(), 61, still=True)
    assert times_of(looks, Look.WHOLE) == pytest.approx([0, STILL_AGE, 2 * STILL_AGE])
    schedule = Schedule()
    looks = [schedule.look(Scene(i / FPS, still=i < 22)) for i in range(30)]
    assert times_of(looks, Look.WHOLE) == pytest.approx([0, 22 / FPS])


def test_while_a_face_is_new_every_frame_is_searched() -> None:
    assert set(play(Schedule(), 20, settled=False, **ONE)) == {Look.WHOLE}


def test_a_face_that_is_missing_is_searched_for_at_once_and_then_now_and_then() -> None:
    looks = play(Schedule(), 13, settled=False, missing=True, **ONE)
    assert times_of(looks, Look.WHOLE) == pytest.approx([0, MOVED_AGE, 2 * MOVED_AGE])
    assert Look.NONE not in looks
    small = play(Schedule(), 13, settled=False, missing=True, faces=1)
    assert set(small) == {Look.WHOLE}


def test_a_cut_is_searched_at_the_next_look() -> None:
    schedule = Schedule()
    schedule.look(Scene(0.0, **ONE))
    assert schedule.look(Scene(0.03, cut=0.2, **ONE)) is Look.NONE
    assert schedule.look(Scene(0.07, cut=0.5, **ONE)) is Look.WHOLE


def test_what_goes_on_changing_is_no_cut_in_every_frame_but_something_that_moves() -> None:
    schedule = Schedule()
    looks = [schedule.look(Scene(i / 15, cut=0.5, moved=True, **ONE)) for i in range(16)]
    assert [i for i, look in enumerate(looks) if look is Look.WHOLE] == [0, 1, 4, 7, 10, 13]
    calmer = Scene(20 / 15, cut=0.5, **ONE)
    assert schedule.look(calmer) is Look.WHOLE


def test_faces_that_cannot_be_looked_at_singly_are_searched_for_more_often() -> None:
    looks = play(Schedule(), 31, faces=20)
    assert times_of(looks, Look.WHOLE) == pytest.approx([i / 10 for i in range(11)])
    assert Look.NEAR not in looks


def test_time_that_goes_back_is_a_new_beginning() -> None:
    schedule = Schedule()
    assert schedule.look(Scene(100.0)) is Look.WHOLE
    assert schedule.look(Scene(3.0)) is Look.WHOLE
    assert schedule.look(Scene(3.1)) is Look.NONE
