"""Which cues really reach the device: what it was given is recorded and read again."""

from __future__ import annotations

import logging
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

from agent.emotion.labels import EMOTIONS
from agent.feedback.audio import player
from agent.feedback.audio.pcm import FADE, RATE, WIDTH
from tests.sound_card import (
    SOUNDS,
    VOLUME,
    Card,
    event,
    own_sound,
    play,
    playing,
    settled,
    sounds_in,
    until,
)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_a_cue_arrives_whole_at_the_device(card: Card, emotion: str) -> None:
    with playing(emotions=EMOTIONS) as sink:
        play(sink, event(emotion))
        assert sink.player.played == 1
    assert card.heard == [emotion]


def test_a_cue_of_the_last_moment_is_still_heard(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player, "_CLOSING", 60.0)  # it ends when the cue does
    with playing() as sink:
        play(sink, event("fear"))  # the device is open
        sink.publish(event("happiness"))
    assert card.heard == ["fear", "happiness"]


def test_an_emotion_cools_down(card: Card) -> None:
    now = iter([0.0, 4.9, 5.0])
    with playing(cooldown=5, now=lambda: next(now)) as sink:
        play(sink, event("happiness"), event("happiness"), event("happiness"))
    assert card.heard == ["happiness"] * 2


def test_all_emotions_cool_down_together(card: Card) -> None:
    now = iter([0.0, 1.9, 2.0])
    with playing(cooldown_any=2, now=lambda: next(now)) as sink:
        play(sink, event("happiness"), event("anger"), event("fear"))
    assert card.heard == ["happiness", "fear"]


def test_quiet_hours_are_silent(card: Card) -> None:
    with playing(quiet_hours="22:00-07:00") as sink:
        play(sink, event("happiness", "21:59"), event("anger", "22:00"), event("fear", "07:00"))
    assert card.heard == ["happiness", "fear"]


def test_the_switch_mutes_while_it_runs(card: Card) -> None:
    muted = iter([False, True, True, False])
    with playing(muted=lambda: next(muted)) as sink:
        play(sink, event("happiness"), event("anger"))
        sink.cue("sadness")  # asked for by a person, and muted all the same
        play(sink, event("fear"))
    assert card.heard == ["happiness", "fear"]


def test_the_setting_mutes_whatever_the_switch_says(card: Card) -> None:
    with playing(mute=True) as sink:
        play(sink, event("happiness"))
        sink.cue()
        until(lambda: settled(sink.player))
    assert card.heard == []


def test_a_cue_that_is_asked_for_ignores_hours_and_cool_downs(card: Card) -> None:
    with playing(quiet_hours="00:00-23:59", cooldown=100) as sink:
        play(sink, event("anger"))
        for emotion in (None, "fear"):
            sink.cue(emotion)
            until(lambda: settled(sink.player))
    assert card.heard == ["anger", "fear"]


def test_the_volume_scales_the_samples(card: Card) -> None:
    with playing(volume=VOLUME / 4) as sink:
        play(sink, event("happiness"))
    quiet = np.frombuffer(sounds_in(card.samples)[0], "<i2").astype(int)
    loud = np.frombuffer(SOUNDS["happiness"], "<i2")
    start = np.flatnonzero(np.rint(loud / 4))[0]
    assert np.abs(quiet - loud[start : start + len(quiet)] / 4).max() <= 1


def test_a_newer_cue_cuts_the_older_off(card: Card, tmp_path: Path) -> None:
    card.connect_paced()
    with playing(files=own_sound(tmp_path / "long.wav", 10)) as sink:
        sink.publish(event("happiness"))
        until(lambda: sink.player.latency is not None)  # its first sample has gone out
        play(sink, event("anger"))
        assert (sink.player.played, sink.player.dropped) == (1, 1)
    (sound,) = sounds_in(card.samples)
    anger = sounds_in(SOUNDS["anger"])[0]
    assert sound.endswith(anger)
    before = np.trim_zeros(np.frombuffer(sound[: -len(anger)], "<i2"))
    assert FADE < len(before) < 9 * RATE  # of ten seconds
    middle, end = before[-3 * FADE : -FADE], before[-FADE // 4 :]
    assert np.abs(middle).max() > 4 * np.abs(end).max()  # it fades, so as not to click


def test_of_a_burst_only_the_newest_is_heard_to_its_end(card: Card, tmp_path: Path) -> None:
    card.connect_paced()
    with playing(files=own_sound(tmp_path / "long.wav", 10)) as sink:
        play(sink, event("fear"))
        for _ in range(5):
            sink.publish(event("happiness"))
        play(sink, event("contempt"))
        assert (sink.player.played, sink.player.dropped) == (2, 5)
    assert card.samples.rstrip(b"\0").endswith(SOUNDS["contempt"].rstrip(b"\0"))
    assert len(card.samples) / WIDTH / RATE < 10  # and nothing was kept for later


def test_the_time_from_the_frame_to_the_first_sample_is_measured(
    card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "agent.feedback.audio")
    with playing() as sink:
        play(sink, event("fear"))
        began = monotonic()
        play(sink, event("happiness", latency_ms=2000))
        took = monotonic() - began
        assert sink.player.latency is not None
        assert 2 < sink.player.latency < 2 + took
        shown = f"cue happiness: first sample {1000 * sink.player.latency:.0f} ms after its frame"
    assert shown in caplog.messages


@pytest.mark.parametrize("name", ["card", "CAR"])
def test_a_device_is_chosen_by_name(card: Card, name: str) -> None:
    card.configuration.write_text(
        card.configuration.read_text().replace("pcm.!default", "pcm.!default { type null } pcm.x")
    )
    with playing(device=name) as sink:
        play(sink, event("happiness"))
    assert card.heard == ["happiness"]
