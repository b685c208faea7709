"""Own WAV files and spoken words as cues."""

from __future__ import annotations

import os
import shutil
import tempfile
import wave
from pathlib import Path

import numpy as np
import pytest

from agent.errors import AgentError
from agent.feedback.audio.earcons import earcon
from agent.feedback.audio.pcm import RATE
from agent.feedback.audio.recordings import read_wav
from agent.feedback.audio.repertoire import repertoire
from agent.feedback.audio.samples import Samples
from agent.feedback.audio.sink import sounds_of
from agent.feedback.audio.speech import speak
from agent.settings import AudioSettings, PerEmotion

needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is not installed"
)


def write_tone(
    path: Path,
    hertz: float,
    rate: int = 22_050,
    width: int = 2,
    channels: int = 1,
    length: float = 0.5,
) -> None:
    wave_form = np.sin(2 * np.pi * hertz * np.arange(round(length * rate)) / rate)
    whole = np.rint(wave_form * 0.2 * 2 ** (8 * width - 1)).astype("<i8").repeat(channels)
    data = whole.reshape(-1, 1).view(np.uint8)[:, :width]
    if width == 1:
        data = data + np.uint8(128)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(data.tobytes())


def strongest(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / RATE)[spectrum.argmax()])


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
def test_wav_files_of_any_form_keep_their_pitch_and_get_one_loudness(
    tmp_path: Path, width: int, channels: int, rate: int
) -> None:
    write_tone(tmp_path / "tone.wav", 700, rate, width, channels)
    samples = read_wav(tmp_path / "tone.wav", "audio.files.fear")
    assert len(samples) == pytest.approx(RATE / 2, abs=2)
    assert strongest(samples) == pytest.approx(700, abs=2)
    assert np.sqrt((samples**2).mean()) == pytest.approx(0.25, rel=0.02)


def test_a_file_that_is_no_wav_is_named_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_bytes(b"ID3" + bytes(500))
    (tmp_path / "cut.wav").write_bytes(b"RIFF")
    write_tone(tmp_path / "long.wav", 440, length=11)
    write_tone(tmp_path / "silent.wav", 0)
    for name, problem in [
        ("none.wav", "No such file"),
        ("song.mp3", "RIFF"),
        ("cut.wav", "PCM WAV is needed"),
        ("long.wav", "10 seconds at most"),
        ("silent.wav", "no sound in it"),
    ]:
        settings = AudioSettings(files=PerEmotion(fear=str(tmp_path / name)))
        with pytest.raises(AgentError, match=rf"^audio\.files\.fear: .*{name}: .*{problem}"):
            repertoire(settings, ["happiness", "fear"])


def test_an_own_file_takes_the_place_of_one_earcon(tmp_path: Path) -> None:
    write_tone(tmp_path / "tone.wav", 1234)
    settings = AudioSettings(files=PerEmotion(fear=str(tmp_path / "tone.wav")))
    sounds = repertoire(settings, ["happiness", "fear"])
    assert strongest(sounds["fear"]) == pytest.approx(1234, abs=2)
    assert (sounds["happiness"] == earcon("happiness")).all()


@needs_espeak
def test_words_are_spoken_in_the_language_of_the_voice() -> None:
    settings = AudioSettings(cues="speech", phrase="You look {emotion}")
    english = repertoire(settings, ["happiness"])["happiness"]
    assert 0.5 < len(english) / RATE < 3
    assert np.abs(english[: RATE // 50]).max() > 0.001  # the silence before is cut off
    german = settings.model_copy(update={"voice": "de"})
    assert not np.array_equal(repertoire(german, ["happiness"])["happiness"], english)


@needs_espeak
def test_one_emotion_may_have_a_phrase_of_its_own_and_a_phrase_may_look_like_an_option() -> None:
    settings = AudioSettings(cues="speech", phrases=PerEmotion(fear="--version"))
    sounds = repertoire(settings, ["fear", "anger"])
    assert np.array_equal(sounds["anger"], speak("anger", "en"))
    assert np.array_equal(sounds["fear"], speak("--version", "en"))


@needs_espeak
@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"voice": "xx-none"}, r"^audio\.voice: .*xx-none.*--voices"),
        ({"phrase": " "}, r"^audio\.phrases: nothing is heard"),
    ],
)
def test_what_cannot_be_spoken_is_told_in_a_line(changed: dict[str, str], problem: str) -> None:
    settings = AudioSettings(cues="speech").model_copy(update=changed)
    with pytest.raises(AgentError, match=problem):
        repertoire(settings, ["fear"])


def test_without_espeak_the_earcons_stand_in_and_a_line_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    sounds = repertoire(AudioSettings(cues="speech"), ["fear", "anger"])
    assert (sounds["fear"] == earcon("fear")).all()
    assert [record.message for record in caplog.records] == [
        "audio.cues: espeak-ng is not installed; earcons take the place of words"
    ]


def test_sounds_need_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/dev/full")  # stands for a disk that takes nothing
    sounds = sounds_of(AudioSettings())
    assert os.pread(sounds.fileno(), 10, 0) != b""
    sounds.close()
