from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.faces.tracker import Tracker, Tracking
from agent.settings import FacesSettings
from agent.types import Box, Face


def face(x: float, y: float = 100, side: float = 80, score: float = 0.9) -> Face:
    return Face(Box(x, y, side, side), score)


def tracker(**changes: object) -> Tracker:
    return Tracker(FacesSettings.model_validate(changes))


def ids(answer: Tracking) -> list[int]:
    return [track.id for track in answer.tracks]


def test_a_face_is_believed_after_min_hits() -> None:
    follower = tracker(min_hits=3)

    answers = [follower.update([face(100)], index / 10) for index in range(4)]

    assert [ids(answer) for answer in answers] == [[], [], [1], [1]]
    (track,) = answers[-1].tracks
    assert (track.started, track.seen, track.hits, track.misses) == (0, 0.3, 4, 0)
    assert track.face == face(100)


def test_a_flicker_is_never_believed() -> None:
    follower = tracker(min_hits=2)

    answers = [follower.update([face(100)] * (index % 2), index / 10) for index in range(20)]

    assert not any(answer.tracks or answer.ended for answer in answers)


def test_a_missed_face_moves_on_and_keeps_its_number() -> None:
    follower = tracker(max_missed=0.8)
    for index in range(10):
        follower.update([face(100 + 10 * index)], index / 10)

    missed = [follower.update([], 1 + index / 10) for index in range(6)]
    missing = [follower.missing]
    back = follower.update([face(260)], 1.6)
    missing.append(follower.missing)

    assert all(ids(answer) == [1] for answer in missed)
    (track,) = missed[-1].tracks
    assert (track.face, track.misses, track.seen) == (None, 6, 0.9)
    assert track.box.x == pytest.approx(250, abs=5)
    assert ids(back) == [1]
    assert back.tracks[0].misses == 0
    assert missing == [True, False]


def test_none_counts_as_missing_while_another_is_new() -> None:
    follower = tracker(min_hits=2)
    for index in range(3):
        follower.update([face(100)], index / 10)
    follower.update([face(400)], 0.3)
    assert not follower.missing
    assert not follower.settled


def test_a_face_missed_for_too_long_ends_once_as_last_seen() -> None:
    follower = tracker(max_missed=0.8)
    for index in range(4):
        follower.update([face(100)], index / 10)

    answers = [follower.update([], 0.4 + index / 10) for index in range(12)]

    assert [len(answer.ended) for answer in answers] == [0] * 8 + [1] + [0] * 3
    (ended,) = answers[8].ended
    assert (ended.id, ended.box) == (1, face(100).box)
    assert ended.seen == pytest.approx(0.3)
    assert not answers[8].tracks


def test_numbers_are_never_used_again() -> None:
    follower = tracker(min_hits=1)
    seen = [follower.update([face(100)], 0)]
    seen += [follower.finish()]
    seen += [follower.update([face(100)], 0.1)]
    seen += [follower.update([face(100), face(500)], 0.2)]

    assert [ids(answer) for answer in seen] == [[1], [], [2], [2, 3]]
    assert [track.id for track in seen[1].ended] == [1]


def test_time_that_goes_back_or_leaps_ends_all() -> None:
    for later in (0.0, 60.0):
        follower = tracker(min_hits=2)
        for index in range(30):
            follower.update([face(100)], 1 + index / 10)

        answer = follower.update([face(100)], later)

        assert [track.id for track in answer.ended] == [1]
        assert not answer.tracks
        assert ids(follower.update([face(100)], later + 0.1)) == [2]


def test_a_slow_source_is_no_leap() -> None:
    follower = tracker(min_hits=2, max_missed=0.8)

    answers = [follower.update([face(100)], 2.0 * index) for index in range(6)]

    assert [ids(answer) for answer in answers[2:]] == [[1]] * 4


def test_a_face_is_not_lost_between_rare_detections() -> None:
    """15 frames a second, a detection every two seconds, max_missed well below."""
    follower = tracker(min_hits=1, max_missed=0.5)

    for index in range(90):
        detects = index % 30 == 0
        time = index / 15
        answer = follower.update([face(100)], time) if detects else follower.predict(time)
        assert ids(answer) == [1]
        assert not answer.ended


def test_predicted_boxes_follow_the_movement() -> None:
    follower = tracker()
    for index in range(10):
        follower.update([face(100 + 20 * index)], index / 10)

    (track,) = follower.predict(1.0).tracks

    assert track.face is None
    assert track.box.x == pytest.approx(300, abs=4)
    assert (track.hits, track.misses) == (10, 0)


def test_two_boxes_on_one_face_are_one_track() -> None:
    follower = tracker(min_hits=1)
    inner, outer = face(115, 115, 50, score=0.6), face(100, 100, 80, score=0.9)

    answers = [follower.update([inner, outer], index / 10) for index in range(5)]

    assert [ids(answer) for answer in answers] == [[1]] * 5
    assert answers[-1].tracks[0].face == outer


def test_faces_side_by_side_are_two_tracks() -> None:
    follower = tracker(min_hits=1)

    assert ids(follower.update([face(100), face(165)], 0)) == [1, 2]


def test_a_face_elsewhere_or_of_another_size_is_another() -> None:
    for other in (face(300), face(60, 60, 200)):
        follower = tracker(min_hits=1)
        follower.update([face(100)], 0)

        assert ids(follower.update([other], 0.1)) == [1, 2]


@dataclass(frozen=True)
class Crossing:
    """Two faces of 80 pixels that cross; lengths in face widths."""

    speed: float
    """Of each, in widths a second."""
    rate: float
    noise: float = 0.0
    missed: float = 0.0
    hidden: bool = False
    """Whether the face behind goes unseen while they overlap."""
    apart: float = 0.0
    """How much lower the second passes."""

    def swaps(self, seed: int) -> bool:
        """Whether a number changed its face, or a third one came up."""
        random = np.random.default_rng(seed)
        follower = tracker()
        numbers: dict[int, set[int]] = {0: set(), 1: set()}
        for index in range(int(6 / self.speed * self.rate) + 1):
            path = index / self.rate * self.speed * 80
            boxes = [Box(100 + path, 100, 80, 80), Box(580 - path, 100 + 80 * self.apart, 80, 80)]
            overlap = boxes[0].iou(boxes[1])
            shown = {
                which: Face(self._seen(box, random), 0.9 - which / 10)
                for which, box in enumerate(boxes)
                if not (self.hidden and which and overlap > 0.3)
                and (index < 6 or random.random() >= self.missed)
            }
            answer = follower.update(list(shown.values()), index / self.rate)
            if overlap < 0.2:  # in the midst of it, either name is as good
                for which, seen in shown.items():
                    numbers[which] |= {t.id for t in answer.tracks if t.face is seen}
        return sorted(numbers.values(), key=min) != [{1}, {2}]

    def _seen(self, box: Box, random: np.random.Generator) -> Box:
        dx, dy, dw, dh = random.normal(0, self.noise * 80, 4)
        return Box(box.x + dx, box.y + dy, box.width + dw, box.height + dh)


@pytest.mark.parametrize("apart", [0.0, 0.2])
@pytest.mark.parametrize("rate", [10, 30])
@pytest.mark.parametrize("speed", [1.0, 2.0, 4.0])
def test_crossing_faces_keep_their_numbers(speed: float, rate: float, apart: float) -> None:
    assert not Crossing(speed, rate, apart=apart).swaps(seed=0)
    crossing = Crossing(speed, rate, noise=0.02, apart=apart)
    assert not any(crossing.swaps(seed) for seed in range(5))


@pytest.mark.parametrize("rate", [10, 30])
@pytest.mark.parametrize("speed", [2.0, 4.0])
def test_crossing_faces_keep_their_numbers_though_missed_and_hidden(
    speed: float, rate: float
) -> None:
    crossing = Crossing(speed, rate, noise=0.02, missed=0.15, hidden=True)

    assert not any(crossing.swaps(seed) for seed in range(10))


def test_strong_noise_seldom_swaps_slow_faces() -> None:
    crossing = Crossing(1.0, 10, noise=0.04, missed=0.15)

    assert sum(crossing.swaps(seed) for seed in range(20)) <= 4


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(-0.5, 2.0),
            st.lists(
                st.tuples(st.floats(-100, 700), st.floats(-100, 500), st.floats(0, 300)),
                max_size=5,
            ),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_whatever_comes_the_books_balance(
    steps: list[tuple[float, list[tuple[float, float, float]], bool]],
) -> None:
    """Numbers rise by one, each ends once and only after it lived, and no detection has two."""
    follower = tracker(min_hits=2)
    time, alive, most = 0.0, set[int](), 0
    for step, places, predicts in steps:
        time += step
        faces = [face(x, y, side, score=0.5) for x, y, side in places]
        answer = follower.predict(time) if predicts else follower.update(faces, time)
        over = [track.id for track in answer.ended]
        new = set(ids(answer)) - alive
        assert len(set(over)) == len(over)
        assert set(over) <= alive
        assert sorted(new) == list(range(most + 1, most + 1 + len(new)))
        assert alive - set(over) <= set(ids(answer))
        assert ids(answer) == sorted(ids(answer))
        carried = [id(track.face) for track in answer.tracks if track.face]
        assert len(set(carried)) == len(carried)
        assert not (predicts and carried)
        most += len(new)
        alive = set(ids(answer))
    assert {track.id for track in follower.finish().ended} == alive
