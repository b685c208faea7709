"""When an event may sound: hours pass as arguments."""

from __future__ import annotations

from datetime import datetime, time, timezone

import pytest

from agent.emotion.labels import EMOTIONS
from agent.errors import AgentError
from agent.feedback.audio.policy import CuePolicy
from agent.layers import load
from agent.settings import AudioSettings
from agent.types import Box, EmotionEvent, EventType

NOON = time(12)


def event(
    emotion: str = "happiness", kind: EventType = "changed", confidence: float = 0.9
) -> EmotionEvent:
    return EmotionEvent(
        id="7c0e",
        type=kind,
        time=datetime(2026, 5, 4, 10, 11, 12, 345678, timezone.utc),
        device="board",
        source="demo",
        frame=57,
        track=1,
        box=Box(10, 20, 99, 101),
        emotion=emotion,
        previous=None,
        confidence=confidence,
        probabilities=dict.fromkeys(EMOTIONS, 0.125),
        reason=None,
        latency_ms=12.5,
        model="fer-compact@1.0.0",
    )


def test_by_default_every_emotion_but_neutral_has_a_cue() -> None:
    silent = [
        emotion
        for emotion in (*EMOTIONS, "unknown")
        if CuePolicy(AudioSettings()).refusal(event(emotion), 0, NOON, False)
    ]
    assert silent == ["neutral", "unknown"]


def test_only_chosen_emotions_sound() -> None:
    policy = CuePolicy(AudioSettings(emotions=("fear",), cooldown_any=0))
    assert policy.refusal(event("happiness"), 0, NOON, False) == "not chosen"
    assert policy.refusal(event("fear"), 0, NOON, False) is None


def test_the_end_of_a_track_is_silent() -> None:
    policy = CuePolicy(AudioSettings())
    assert policy.refusal(event(kind="ended"), 0, NOON, False) == "not chosen"


def test_the_confidence_has_to_reach_the_limit() -> None:
    policy = CuePolicy(AudioSettings(min_confidence=0.7))
    assert policy.refusal(event(confidence=0.69), 0, NOON, False) == "unsure"
    assert policy.refusal(event(confidence=0.7), 0, NOON, False) is None


def test_an_emotion_cools_down_alone_and_all_of_them_together() -> None:
    policy = CuePolicy(AudioSettings(cooldown=10, cooldown_any=2))
    said = [
        policy.refusal(event(emotion), now, NOON, False)
        for emotion, now in [
            ("happiness", 100.0),
            ("fear", 101.9),  # too soon after any
            ("fear", 102.0),
            ("happiness", 109.9),  # too soon after the last happiness
            ("happiness", 110.0),
        ]
    ]
    assert said == [None, "cooling down", None, "cooling down", None]


def test_a_refused_event_does_not_begin_a_cool_down() -> None:
    policy = CuePolicy(AudioSettings(cooldown=10))
    assert policy.refusal(event(), 0, NOON, True) == "muted"
    assert policy.refusal(event(), 1, NOON, False) is None


@pytest.mark.parametrize(
    ("hours", "quiet", "loud"),
    [
        ("22:00-07:00", ["22:00", "23:59", "00:00", "06:59"], ["07:00", "12:00", "21:59"]),
        ("12:30-14:00", ["12:30", "13:59"], ["12:29", "14:00", "00:00"]),
        ("12:30-14:00, 22:00-07:00", ["13:00", "23:00"], ["14:00", "07:00"]),
    ],
)
def test_quiet_hours_may_go_over_midnight(hours: str, quiet: list[str], loud: list[str]) -> None:
    policy = CuePolicy(AudioSettings(quiet_hours=hours))
    said = [policy.refusal(event(), 0, time.fromisoformat(clock), False) for clock in quiet]
    assert said == ["quiet hours"] * len(quiet)
    assert not any(policy.is_quiet(time.fromisoformat(clock)) for clock in loud)


def test_emotions_are_a_list_in_a_file_and_words_on_the_command_line() -> None:
    given = {"audio.emotions": "happiness, fear", "audio.files.fear": "boo.wav"}
    audio = load(overrides=given, environment={}).audio
    assert audio.emotions == ("happiness", "fear")
    assert audio.files.fear == "boo.wav"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("audio.quiet_hours", "22-7"),
        ("audio.quiet_hours", "22:00-25:00"),
        ("audio.emotions", "happiness,joy"),
        ("audio.volume", "1.1"),
    ],
)
def test_a_wrong_setting_is_a_line_with_its_key(key: str, value: str) -> None:
    with pytest.raises(AgentError, match=f"^command line: '{key}' is '{value}': [^\n]+$"):
        load(overrides={key: value}, environment={})
