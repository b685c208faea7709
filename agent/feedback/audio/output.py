"""The process that drives the sound device: `python -m agent.feedback.audio.output [DEVICE]`.

With `--list` instead of a device it answers `device NAME` for each, and ends.

It takes orders on standard input and answers on standard output, a line each:

    play NUMBER OFFSET BYTES    sound that part of the file that descriptor EMOTION_AGENT_PCM names
    first NUMBER TIME           its first sample goes out at this `time.monotonic()`
    done NUMBER                 it has been played
    failed WORDS                the device does not work; the process ends
    unusable WORDS              no device can work, as a library is missing; the process ends

The end of its input ends it, once it has played what it was told to. Every process sees the devices
of its own start only (PortAudio lists them once), so one that fails is replaced, not repaired.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from io import FileIO
from threading import Condition, Thread
from time import monotonic, sleep
from typing import Any, Final

from agent.feedback.audio.pcm import RATE, Voice

PCM_VARIABLE: Final = "EMOTION_AGENT_PCM"
LIST: Final = "--list"
INSTALL: Final = (
    "sound needs PyAudio and PortAudio: scripts/setup-system audio, then "
    "pip install 'emotion-agent[audio]'"
)

_PERIOD: Final = 512  # samples; 11 ms
_STALLED: Final = 1.5  # seconds without a call for samples after which the device is lost
_GLANCE: Final = 0.01  # seconds between two looks at a stream that plays
_ALONE: Final = 60.0  # seconds that the last cue may take once nobody asks for more


class DeviceError(Exception):
    """The device does not work; the message says how, in a few words."""


class Orders:
    """What standard input asks for, read on a thread of its own."""

    def __init__(self, voice: Voice, pcm: int) -> None:
        self._voice = voice
        self._pcm = pcm
        self._changed = Condition()
        self._over = False
        Thread(target=self._read, daemon=True).start()

    def wait(self) -> bool:
        """Wait until there is something to play; False at the end of the input."""
        with self._changed:
            self._changed.wait_for(lambda: self._voice.waiting or self._over)
        return self._voice.waiting

    def _read(self) -> None:
        for line in sys.stdin:
            number, offset, count = map(int, line.split()[1:])
            cue = os.pread(self._pcm, count, offset)
            with self._changed:
                self._voice.start(number, cue)
                self._changed.notify()
        with self._changed:
            self._over = True
            self._changed.notify()
        # One that hangs in the library would stay, with the device, when the agent was killed.
        sleep(_ALONE)
        os._exit(1)


class Stream:
    """An open device that takes its samples from a voice."""

    def __init__(self, library: Any, audio: Any, index: int | None, voice: Voice) -> None:
        self._library = library
        self._voice = voice
        self._asked = monotonic()
        self._ended = False
        self.first: deque[tuple[int, float]] = deque()
        """Number of each cue that began, and when its first sample goes out."""
        self.newest: int | None = None
        """Number of the last cue that began."""
        try:
            self._stream = audio.open(
                format=library.paInt16,
                channels=1,
                rate=RATE,
                output=True,
                output_device_index=index,
                frames_per_buffer=_PERIOD,
                stream_callback=self._give,
            )
        except OSError as error:
            raise DeviceError(_words(error)) from None

    def plays(self) -> bool:
        """Whether it still plays. Raises `DeviceError` where the device takes no more samples."""
        if not self._stream.is_active():
            if not self._ended:
                raise DeviceError("the device refuses sound")
            return False
        # A device that was unplugged stays "active", but no longer calls.
        if monotonic() - self._asked > _STALLED:
            raise DeviceError("the device takes no more sound")
        return True

    def close(self) -> None:
        self._stream.close()

    def _give(self, _in: None, samples: int, times: dict[str, float], _: int) -> tuple[bytes, int]:
        taken = self._voice.take(samples)
        self._asked = monotonic()
        if taken.began is not None:
            ahead = max(0.0, times["output_buffer_dac_time"] - times["current_time"])
            self.first.append((taken.began, self._asked + ahead))
            self.newest = taken.began
        self._ended = taken.ended
        step = self._library.paComplete if taken.ended else self._library.paContinue
        return taken.pcm, step


def main() -> None:
    """Serve orders until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the agent, which then ends this
    answers = _answers()
    try:
        library = _library()
        wanted = sys.argv[1] if len(sys.argv) > 1 else None
        if wanted == LIST:
            for _, name in devices(library.PyAudio()):
                _say(answers, f"device {name}")
        else:
            _serve(library, wanted, answers)
    except ImportError as error:
        _say(answers, f"unusable {INSTALL} ({error})")
    except DeviceError as error:
        _say(answers, f"failed {error}")
    except Exception as error:
        _say(answers, f"failed {error!r}")  # a traceback would go nowhere
    # Threads of the sound library may hang; they must not keep the process.
    os._exit(0)


def devices(audio: Any) -> list[tuple[int, str]]:
    """Index and name of every device that can play."""
    every = (audio.get_device_info_by_index(i) for i in range(audio.get_device_count()))
    return [(d["index"], str(d["name"])) for d in every if d["maxOutputChannels"] > 0]


def chosen(names: list[tuple[int, str]], wanted: str) -> int:
    """Index of the device of that name, or else of the first with that text in its name.

    >>> chosen([(0, "USB Audio: - (hw:1,0)"), (3, "default")], "usb")
    0
    """
    for index, name in names:
        if name == wanted:
            return index
    for index, name in names:
        if wanted.lower() in name.lower():
            return index
    there = ", ".join(name for _, name in names) or "none"
    raise DeviceError(f"no such device (there: {there})")


def _serve(library: Any, wanted: str | None, answers: FileIO) -> None:
    audio = library.PyAudio()
    index = None if wanted is None else chosen(devices(audio), wanted)
    voice = Voice()
    orders = Orders(voice, int(os.environ[PCM_VARIABLE]))
    while orders.wait():
        stream = Stream(library, audio, index, voice)
        try:
            _play(stream, answers)
        finally:
            _report_first(stream, answers)
        stream.close()
        _say(answers, f"done {stream.newest}")


def _play(stream: Stream, answers: FileIO) -> None:
    while stream.plays():
        _report_first(stream, answers)
        sleep(_GLANCE)


def _report_first(stream: Stream, answers: FileIO) -> None:
    while stream.first:
        number, time = stream.first.popleft()
        _say(answers, f"first {number} {time:.6f}")


def _library() -> Any:
    """PyAudio, told to convert rates and channels, and to start no JACK server."""
    os.environ.setdefault("PA_ALSA_PLUGHW", "1")
    os.environ.setdefault("JACK_NO_START_SERVER", "1")
    import pyaudio  # noqa: PLC0415  # an optional extra, whose absence is an answer

    return pyaudio


def _answers() -> FileIO:
    """Standard output, kept for answers alone: what libraries print there goes nowhere."""
    answers = FileIO(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return answers


def _say(answers: FileIO, line: str) -> None:
    try:
        answers.write(line.encode() + b"\n")
    except BrokenPipeError:
        os._exit(0)  # nobody listens any more


def _words(error: OSError) -> str:
    """The text of an error, without PortAudio's number."""
    return error.strerror or str(error)


if __name__ == "__main__":
    main()
