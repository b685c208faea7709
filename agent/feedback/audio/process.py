"""The agent's end of the process that drives the sound device."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from select import select
from tempfile import TemporaryFile
from time import monotonic
from typing import IO, Final, Literal, cast

from agent.errors import AgentError
from agent.feedback.audio.output import LIST, PCM_VARIABLE
from agent.feedback.audio.pcm import RATE, WIDTH

_MODULE: Final = "agent.feedback.audio.output"
_PATIENCE: Final = 10.0  # seconds a command waits for a device before it gives up

Word = Literal["first", "done", "failed", "unusable", "device", "gone"]


@dataclass(frozen=True)
class Answer:
    """A line from the process; `gone` once it has ended."""

    word: Word
    rest: str

    @property
    def number(self) -> int:
        """Which cue `first` and `done` are about."""
        return int(self.rest.split()[0])

    @property
    def time(self) -> float:
        """When `first` says that the first sample goes out, on `time.monotonic()`'s clock."""
        return float(self.rest.split()[1])


class Sounds:
    """PCM of every sound in an unnamed file, which the process reads by itself.

    Orders stay short that way, and writing one never blocks.
    """

    def __init__(self, pcm: Mapping[str, bytes]) -> None:
        self._file = _unnamed_file()
        self._places: dict[str, tuple[int, int]] = {}
        for name, samples in pcm.items():
            self._places[name] = (self._file.tell(), len(samples))
            self._file.write(samples)
        self._file.flush()

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def place(self, name: str) -> tuple[int, int]:
        """Offset and length in bytes."""
        return self._places[name]

    def seconds(self, name: str) -> float:
        return self._places[name][1] / (RATE * WIDTH)

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()


def _unnamed_file() -> IO[bytes]:
    """In memory where the system has such files: a disk that is full must not end the agent."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("emotion-agent-sounds"), "w+b")
    return TemporaryFile(prefix="emotion-agent-")


class OutputProcess:
    """Starts at once and gets ready by itself; orders wait for it."""

    def __init__(self, device: str | None, sounds: Sounds | None = None) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        descriptors = []
        if sounds is not None:
            environment[PCM_VARIABLE] = str(sounds.fileno())
            descriptors.append(sounds.fileno())
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULE, *([device] if device is not None else [])],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # ALSA and JACK print a hundred lines without a card
            env=environment,
            pass_fds=descriptors,
        )
        self._sounds = sounds
        self._unread = b""

    def fileno(self) -> int:
        """Readable when there are answers."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def play(self, number: int, name: str) -> None:
        """Have a sound played, in place of any that plays."""
        assert self._sounds is not None
        assert self._process.stdin is not None
        offset, count = self._sounds.place(name)
        with suppress(BrokenPipeError):  # its last answer says why it has ended
            self._process.stdin.write(f"play {number} {offset} {count}\n".encode())

    def answers(self) -> list[Answer]:
        """What it has said since; waits for at least one, or the end."""
        read = os.read(self.fileno(), 4096)
        *lines, self._unread = (self._unread + read).split(b"\n")
        answers = [_answer(line.decode(errors="replace")) for line in lines]
        if not read:
            answers.append(Answer("gone", self._ending()))
        return answers

    def finish(self) -> None:
        """Tell it that there will be no more orders; it ends when it has played."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()
        # One that is stuck in the kernel goes when its driver lets it.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _ending(self) -> str:
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "the player closed its output"
        return f"the player ended with status {status}"


def play_now(device: str | None, sounds: Sounds, name: str) -> None:
    """Play a sound and wait until it has been heard. Raises `AgentError` where that fails."""
    process = OutputProcess(device, sounds)
    try:
        process.play(1, name)
        until = monotonic() + sounds.seconds(name) + _PATIENCE
        if not any(answer.word == "done" for answer in _until(process, until)):
            raise AgentError(f"sound: {_device(device)} does not answer")
    finally:
        process.kill()


def list_devices() -> list[str]:
    """Names of the devices that can play. Raises `AgentError` where none can be looked for."""
    process = OutputProcess(LIST)
    try:
        answers = list(_until(process, monotonic() + _PATIENCE))
        if not any(answer.word == "gone" for answer in answers):
            raise AgentError("sound: the devices do not answer; does a sound server hang?")
        return [answer.rest for answer in answers if answer.word == "device"]
    finally:
        process.kill()


def _until(process: OutputProcess, until: float) -> Iterator[Answer]:
    """Answers until the process ends or time is up; raises `AgentError` for a failure."""
    while select([process], [], [], max(0.0, until - monotonic()))[0]:
        for answer in process.answers():
            if answer.word in {"failed", "unusable"}:
                raise AgentError(f"sound: {answer.rest}")
            yield answer
            if answer.word == "gone":
                return


def _device(device: str | None) -> str:
    return "the default device" if device is None else device


def _answer(line: str) -> Answer:
    word, _, rest = line.partition(" ")
    return Answer(cast(Word, word), rest)
