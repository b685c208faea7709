"""The decision over time: filtering, hysteresis, dwell, and unknown with its reason."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.emotion.decision import Decision, Held
from agent.emotion.labels import EMOTIONS, UNKNOWN
from agent.settings import EmotionSettings
from agent.types import Reason, Scores

STEP = 1 / 30


def scores(**shares: float) -> Scores:
    """The named shares; what is left goes evenly to the other emotions."""
    rest = (1 - sum(shares.values())) / (8 - len(shares))
    return Scores(np.array([shares.get(name, rest) for name in EMOTIONS], np.float32))


HAPPY, NEUTRAL, TORN = scores(happiness=0.9), scores(neutral=0.9), scores(anger=0.3, fear=0.28)


class Film:
    """Feeds a decision frame by frame and keeps what changed."""

    def __init__(self, settings: EmotionSettings | None = None, step: float = STEP) -> None:
        self.decision = Decision(settings or EmotionSettings())
        self.step = step
        self.time = 0.0
        self.changes: list[Held] = []

    def show(self, seconds: float, what: Scores | Reason) -> Film:
        for _ in range(round(seconds / self.step)):
            if isinstance(what, Scores):
                change = self.decision.read(self.time, what)
            else:
                change = self.decision.miss(self.time, what)
            if change:
                self.changes.append(change)
            self.time += self.step
        return self

    @property
    def emotions(self) -> list[str]:
        return [change.emotion for change in self.changes]


def test_an_emotion_is_held_once_it_led_for_the_dwell() -> None:
    film = Film().show(1, HAPPY)
    assert film.emotions == ["happiness"]
    assert film.changes[0].since == pytest.approx(0.3, abs=STEP)
    assert film.decision.confidence == pytest.approx(0.9, abs=1e-3)


def test_a_single_odd_frame_changes_nothing() -> None:
    film = Film().show(1, NEUTRAL).show(STEP, HAPPY).show(1, NEUTRAL)
    assert film.emotions == ["neutral"]


def test_a_change_that_lasts_is_followed() -> None:
    film = Film().show(1, NEUTRAL).show(1, HAPPY).show(1, NEUTRAL)
    assert film.emotions == ["neutral", "happiness", "neutral"]


def test_a_held_emotion_stays_between_the_thresholds() -> None:
    film = Film().show(1, HAPPY).show(10, scores(happiness=0.42, neutral=0.41))
    assert film.emotions == ["happiness"]


def test_evenly_spread_scores_become_unknown_undecided() -> None:
    film = Film().show(1, HAPPY).show(5, TORN)
    assert film.emotions == ["happiness", UNKNOWN]
    assert film.changes[-1].reason == "undecided"
    assert film.decision.confidence == 0


@pytest.mark.parametrize("reason", ["small", "blurred", "turned", "dark"])
def test_a_face_that_cannot_be_read_becomes_unknown_with_the_reason(reason: Reason) -> None:
    film = Film().show(1.4, reason)
    assert film.changes == []
    film.show(0.3, reason)
    assert [(c.emotion, c.reason) for c in film.changes] == [(UNKNOWN, reason)]
    assert film.decision.scores is None


def test_a_short_turn_of_the_head_is_bridged() -> None:
    film = Film().show(1, HAPPY).show(1, "turned").show(1, HAPPY)
    assert film.emotions == ["happiness"]


def test_single_poor_frames_hold_up_no_decision() -> None:
    film = Film().show(2, HAPPY)
    for _ in range(20):
        film.show(7 * STEP, scores(anger=0.95)).show(STEP, "small")
    assert film.emotions == ["happiness", "anger"]


def test_a_face_that_is_poor_in_every_other_frame_is_read_by_the_good_ones() -> None:
    film = Film()
    for _ in range(30):
        film.show(STEP, HAPPY).show(STEP, "turned")
    assert film.emotions == ["happiness"]


def test_a_held_emotion_does_not_outlive_its_evidence() -> None:
    film = Film().show(2, HAPPY)
    for _ in range(30):  # good frames are too rare for any emotion to lead
        film.show(12 * STEP, "turned").show(STEP, scores(anger=0.95))
    assert film.emotions[:2] == ["happiness", UNKNOWN]
    assert film.changes[1].reason == "turned"


def test_a_readable_face_comes_back_from_unknown() -> None:
    film = Film().show(3, "dark").show(1, HAPPY)
    assert film.emotions == [UNKNOWN, "happiness"]
    assert film.changes[-1].reason is None


def test_old_scores_do_not_weigh_after_a_long_gap() -> None:
    film = Film().show(5, NEUTRAL).show(1.4, "turned").show(0.4, HAPPY)
    assert film.emotions == ["neutral", "happiness"]


def test_alternating_frames_do_not_flicker() -> None:
    film = Film(step=0.1)
    for _ in range(50):
        film.show(0.1, HAPPY).show(0.1, NEUTRAL)
    assert len(film.changes) <= 1


@pytest.mark.parametrize("rate", [5, 15, 30, 120])
def test_the_frame_rate_hardly_moves_the_moment_of_decision(rate: int) -> None:
    film = Film(step=1 / rate).show(1, NEUTRAL).show(2, HAPPY)
    assert film.emotions == ["neutral", "happiness"]
    # A slow camera may take one frame longer to see the change and one to have waited enough.
    assert film.changes[1].since == pytest.approx(1.5, abs=0.1 + 2 / rate)


def test_it_is_calm_while_each_frame_alone_shows_what_is_held() -> None:
    film = Film().show(0.2, HAPPY)
    assert not film.decision.calm, "not decided yet"
    assert film.show(0.5, HAPPY).decision.calm
    assert not film.show(STEP, NEUTRAL).decision.calm, "though happiness is still held"
    assert film.decision.held is not None
    assert film.decision.held.emotion == "happiness"
    assert film.show(1, NEUTRAL).decision.calm
    assert not film.show(STEP, scores(neutral=0.4)).decision.calm, "too weak to be held by itself"
    assert not film.show(1, "turned").decision.calm, "neutral is held, and nothing can be read"
    assert film.show(2, "turned").decision.calm, "unknown is held"
    assert not film.show(STEP, NEUTRAL).decision.calm


@given(
    st.lists(
        st.tuples(
            st.floats(0, 3),
            st.one_of(
                st.sampled_from(["small", "blurred", "turned", "dark"]),
                st.lists(st.floats(0.01, 1), min_size=8, max_size=8),
            ),
        ),
        max_size=60,
    )
)
def test_whatever_comes_consecutive_decisions_differ_and_keep_the_dwell(
    frames: list[tuple[float, Reason | list[float]]],
) -> None:
    settings = EmotionSettings()
    decision, time, changes = Decision(settings), 0.0, []
    for wait, what in frames:
        time += wait
        if isinstance(what, list):
            shares = np.array(what, np.float32)
            change = decision.read(time, Scores(shares / shares.sum()))
        else:
            change = decision.miss(time, what)
        if change:
            changes.append(change)
    for before, after in itertools.pairwise(changes):
        assert before.emotion != after.emotion
        assert after.since - before.since >= settings.dwell - 1e-3
    for change in changes:
        assert (change.emotion == UNKNOWN) == (change.reason is not None)
