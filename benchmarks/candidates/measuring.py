"""The loop around every candidate, run in the candidate's own environment and process.

usage: python -m benchmarks.candidates.NAME (--film FILM | --pictures) [--option TEXT]

With `--film`, a line of JSON on standard output tells that the first frame was read; then each line
of standard input is a turn of so many seconds at least, answered by a line that tells what whole
loops of the film took in it. With `--pictures`, the paths of pictures come line by line on standard
input, and the last line of standard output is the result as JSON. Needs only NumPy and OpenCV.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import cv2

WARM_UP: Final = 10
"""Frames at the start of a turn that are not counted: they fill caches and load kernels."""

EMOTIONS: Final = {
    "neutral": "neutral",
    "happiness": "happiness",
    "happy": "happiness",
    "surprise": "surprise",
    "surprised": "surprise",
    "sadness": "sadness",
    "sad": "sadness",
    "anger": "anger",
    "angry": "anger",
    "disgust": "disgust",
    "disgusted": "disgust",
    "fear": "fear",
    "fearful": "fear",
    "contempt": "contempt",
}
"""Every candidate's words for the eight of FER+."""


@dataclass(frozen=True)
class Read:
    """One face that a candidate read."""

    box: tuple[float, float, float, float]
    """x, y, width, height in pixels."""
    emotion: str
    """The likeliest, in the words of FER+; the agent may say `unknown`."""

    @classmethod
    def of(cls, box: Any, probabilities: dict[str, float]) -> Read:
        """From a candidate's box and its own words."""
        x, y, width, height = (float(number) for number in box)
        likeliest = max(probabilities, key=probabilities.__getitem__)
        return cls((x, y, width, height), EMOTIONS[likeliest])


@dataclass
class Clock:
    """Processor milliseconds of this process, by stage."""

    milliseconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what is done inside."""
        began = time.process_time()
        try:
            yield
        finally:
            self.milliseconds[name] += 1000 * (time.process_time() - began)


class Candidate(Protocol):
    """A way to read the expressions of all faces in a frame."""

    versions: dict[str, str]
    """What runs, by name: packages and models."""

    def frame(self, image: Any, seconds: float, clock: Clock) -> list[Read]:
        """Read the next frame (H x W x 3 uint8, BGR) of a film, `seconds` after its start."""

    def picture(self, image: Any) -> list[Read]:
        """Read one picture that has nothing to do with the one before."""


def main(open_candidate: Callable[[str | None], Candidate]) -> None:
    """Open the candidate (with the text of `--option`) and measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--film", type=Path)
    what.add_argument("--pictures", action="store_true")
    parser.add_argument("--option")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    candidate = open_candidate(arguments.option)
    if arguments.pictures:
        result = read_pictures(candidate, (Path(line.rstrip("\n")) for line in sys.stdin))
        print(json.dumps({"versions": candidate.versions, **result}))
        return
    for row in read_film(candidate, arguments.film, map(float, sys.stdin)):
        print(json.dumps(row), flush=True)


def read_film(candidate: Candidate, film: Path, turns: Iterable[float]) -> Iterator[dict[str, Any]]:
    """What the first frame took; then what each turn took: whole loops of `film`, one at least, for
    at least so many seconds. The film goes on from turn to turn.
    """
    frames = _looped(film, clock := Clock())
    image, when = next(frames)
    candidate.frame(image, when, clock)
    yield {
        "versions": candidate.versions,
        "started": time.monotonic(),
        "start_up_processor": time.process_time(),
    }
    length = _length(film)
    for seconds in turns:
        for _ in range(WARM_UP):
            candidate.frame(*next(frames), clock)
        clock.milliseconds.clear()
        found: Counter[int] = Counter()
        emotions: Counter[str] = Counter()
        done, began, worked = 0, time.perf_counter(), time.process_time()
        while not done or done % length or time.perf_counter() - began < seconds:
            reads = candidate.frame(*next(frames), clock)
            found[len(reads)] += 1
            emotions.update(read.emotion for read in reads)
            done += 1
        yield {
            "frames": done,
            "milliseconds": 1000 * (time.process_time() - worked),
            "stages": dict(clock.milliseconds),
            "faces": dict(found),
            "emotions": dict(emotions),
            "peak_memory_mb": peak_memory_mb(),
        }


def read_pictures(candidate: Candidate, paths: Iterator[Path]) -> dict[str, Any]:
    """What the largest face of each picture shows; None where no face is found."""
    read: dict[str, str | None] = {}
    for path in paths:
        image = cv2.imread(str(path))
        if image is None:
            raise SystemExit(f"{path}: cannot be read as a picture")
        faces = candidate.picture(image)
        largest = max(faces, key=lambda face: face.box[2] * face.box[3], default=None)
        read[str(path)] = largest.emotion if largest else None
    return {"read": read}


def peak_memory_mb() -> float:
    """Most that was resident of this process; `getrusage` would count the parent's too."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else float("nan")


def _looped(film: Path, clock: Clock) -> Iterator[tuple[Any, float]]:
    """The frames of a film over and over, and their time, which never goes back."""
    index = 0
    while True:
        capture = cv2.VideoCapture(str(film))
        step = 1 / (capture.get(cv2.CAP_PROP_FPS) or 30)
        while True:
            with clock.stage("decode"):
                good, image = capture.read()
            if not good:
                break
            yield image, index * step
            index += 1
        if not index:
            raise SystemExit(f"{film}: cannot be read as a film")


def _length(film: Path) -> int:
    capture = cv2.VideoCapture(str(film))
    frames = 0
    while capture.grab():
        frames += 1
    return frames
