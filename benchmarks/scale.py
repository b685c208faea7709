"""What a frame costs, by faces and size.  usage: scale.py [--frames N] [faces|sizes|film|pace]

`faces` shows 1 to 20 faces at 640 x 480, `sizes` two faces at 320 x 240 to 1920 x 1080, `film` a
film of one face at 640 x 480 with its decoding, `pace` the same film as a camera gives it: 15
frames a second with pauses in between, in which caches grow cold. Every line compares
`faces.detect_every` 1 and `auto` over the same frames, in turns of a few frames on one pinned core.
Times are processor time, so that a busy machine tells the same as an idle one, only less exactly.
`models` is what the interpreters took of it. Two ratios follow, of all of it (with decoding):
`asked` is over what the networks took that were asked in this line, and decoding; `by frame` is
over what one search of the whole picture and one reading of each face take in every frame (the
models of the line `every`), and decoding.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from agent.downloads import require
from agent.faces.schedule import Look
from agent.runtimes import litert
from agent.settings import Settings
from agent.sources.film import Film
from agent.sources.opening import open_source
from agent.types import Frame, Image
from agent.vision import open_vision

FPS = 30
CAMERA_FPS = 15
WARM_UP = 15
TURN = 15
"""Frames that one way works on before the other has its turn: a second of a camera."""
FACES = (1, 2, 5, 10, 20)
SIZES = ((320, 240), (640, 480), (1280, 720), (1920, 1080))
PORTRAITS = (("astronaut.png", (226, 130), 260), ("grace_hopper.jpg", (256, 190), 420))
"""A picture, the middle of its face, and the side of a square that shows it with its shoulders."""


@dataclass
class Cost:
    """Processor seconds over some frames."""

    frames: int = 0
    followed: int = 0
    models: float = 0.0
    decoding: float = 0.0
    whole: float = 0.0
    looks: dict[Look, int] = field(default_factory=dict)
    told: list[tuple[Any, ...]] = field(default_factory=list)
    """Of each event the track, type and emotion, in the order of the tracks."""

    def line(self, name: str, each: float) -> str:
        """`each` are the models' seconds where every frame is searched and every face is read."""
        per_frame = 1000 / self.frames
        asked = self.whole / (self.models + self.decoding)
        by_frame = self.whole / (each + self.decoding)
        looks = [100 * self.looks[look] / sum(self.looks.values()) for look in Look]
        return (
            f"{name:18} {self.followed / self.frames:5.1f} {self.decoding * per_frame:7.2f} "
            f"{self.models * per_frame:7.2f} {self.whole * per_frame:7.2f} "
            f"{self.frames / self.whole:7.0f} {asked:6.2f} {by_frame:9.2f}  "
            + " ".join(f"{share:3.0f}" for share in looks)
        )


class InvokeClock:
    """How long the interpreters of this process have worked, in processor seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0
        kind = litert._interpreter_class()
        invoke = kind.invoke

        def timed(interpreter: litert.Interpreter) -> None:
            began = time.process_time()
            invoke(interpreter)
            self.seconds += time.process_time() - began

        kind.invoke = timed


def tiled(count: int, width: int, height: int, index: int) -> Image:
    """A frame with so many portraits, each swaying by a few pixels."""
    columns = int(np.ceil(np.sqrt(count * width / height)))
    rows = int(np.ceil(count / columns))
    across, down = width // columns, height // rows
    side = min(across, down)
    picture = np.full((height, width, 3), 96, np.uint8)
    for number in range(count):
        name, (x, y), seen = PORTRAITS[number % len(PORTRAITS)]
        scale = side / seen
        sway = 0.02 * side * np.sin(index / 9 + number)
        matrix = np.array(
            [[scale, 0, side / 2 - x * scale + sway], [0, scale, side / 2 - y * scale]]
        )
        tile = cv2.warpAffine(_portrait(name), matrix, (side, side), flags=cv2.INTER_AREA)
        left = number % columns * across + (across - side) // 2
        top = number // columns * down + (down - side) // 2
        picture[top : top + side, left : left + side] = tile
    return picture


_PORTRAITS: dict[str, Image] = {}


def _portrait(name: str) -> Image:
    if name not in _PORTRAITS:
        _PORTRAITS[name] = np.asarray(cv2.imread(str(require(name))), np.uint8)
    return _PORTRAITS[name]


def frames_of(pictures: Iterator[Image]) -> Iterator[Frame]:
    for index, picture in enumerate(pictures):
        now = datetime.now(timezone.utc)
        yield Frame(picture, index, index / FPS, time.monotonic(), now)


@contextmanager
def decoded(film: Path) -> Iterator[Iterator[Frame]]:
    settings = Settings.model_validate({"source": {"uri": str(film), "pace": "none"}})
    with open_source(settings.source) as source:
        yield iter(lambda: source.read(60.0), None)


class Run:
    """A pipeline over frames, and what it costs; making or decoding them counts as decoding."""

    def __init__(
        self, frames: Iterator[Frame], every: int | str, clock: InvokeClock, stack: ExitStack
    ) -> None:
        settings = Settings.model_validate(
            {"faces": {"detect_every": every}, "runtime": {"kind": "tflite"}}
        )
        self._frames = frames
        self._clock = clock
        self._pipeline = open_vision(settings, "benchmark", stack).pipeline
        self._to = Cost()
        self._work(WARM_UP)
        self._looked = dict(self._pipeline.lookout.looks)
        self._to = Cost(told=self._to.told)

    def turn(self, count: int) -> None:
        """The next so many frames."""
        self._work(count)

    @property
    def cost(self) -> Cost:
        """Of all turns."""
        looks = self._pipeline.lookout.looks
        self._to.looks = {look: n - self._looked[look] for look, n in looks.items()}
        self._to.told.sort(key=lambda told: told[0])
        return self._to

    def _work(self, count: int) -> None:
        to, models = self._to, self._clock.seconds
        for _ in range(count):
            began = time.process_time()
            frame = next(self._frames)
            arrived = time.process_time()
            events = self._pipeline.process(frame)
            to.told += [(event.track, event.type, event.emotion) for event in events]
            to.decoding += arrived - began
            to.whole += time.process_time() - began
            to.followed += len(self._pipeline.tracks)
        to.frames += count
        to.models += self._clock.seconds - models


def compare(name: str, frames: dict[str, Iterator[Frame]], count: int, clock: InvokeClock) -> None:
    with ExitStack() as stack:
        runs = [Run(frames["a"], 1, clock, stack), Run(frames["b"], "auto", clock, stack)]
        for done in range(0, count, TURN):
            for run in runs:
                run.turn(min(TURN, count - done))
        every, auto = (run.cost for run in runs)
    print(every.line(f"{name}, every", every.models))
    same = "" if auto.told == every.told else "  (other events)"
    print(auto.line(f"{name}, auto", every.models) + same, flush=True)


def synthetic(
    count: int, width: int, height: int, frames: int, clock: InvokeClock, name: str
) -> None:
    pictures = [tiled(count, width, height, index) for index in range(90)]
    endless = [frames_of(pictures[i % 90] for i in range(frames + WARM_UP)) for _ in range(2)]
    compare(name, dict(zip("ab", endless, strict=True)), frames, clock)


def paced(frames: Iterator[Frame], rate: float) -> Iterator[Frame]:
    """The frames no faster than so many a second; none is left out."""
    due = time.monotonic()
    for frame in frames:
        yield frame
        due = max(due + 1 / rate, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def film_of_one_face(folder: Path, fps: int = FPS) -> Path:
    """single_face.mp4 between black bars at 640 x 480; of its 30 frames a second so many."""
    film = folder / f"one_face_{fps}.mp4"
    codec = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(film), codec, fps, (640, 480))
    for shot in islice(Film(require("single_face.mp4")).play(), 0, None, FPS // fps):
        picture = cv2.copyMakeBorder(shot.image, 60, 60, 0, 0, cv2.BORDER_CONSTANT)
        writer.write(picture)
    writer.release()
    return film


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", nargs="*", default=["film", "pace", "faces", "sizes"])
    parser.add_argument(
        "--frames", type=int, default=300, help="for each line; default: %(default)s"
    )
    arguments = parser.parse_args()
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    clock = InvokeClock()
    print(f"{platform.machine()}, {_processor()}, core {core}; processor milliseconds a frame")
    print(
        f"{'':18} {'faces':>5} {'decode':>7} {'models':>7} {'all':>7} {'per s':>7} {'asked':>6} "
        f"{'by frame':>9}  "
        "whole/glance/near/none %"
    )
    if "film" in arguments.what:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            film = film_of_one_face(Path(folder))
            runs = {name: stack.enter_context(decoded(film)) for name in "ab"}
            compare("film 640x480", runs, arguments.frames, clock)
    if "pace" in arguments.what:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            film = film_of_one_face(Path(folder), CAMERA_FPS)
            runs = {n: paced(stack.enter_context(decoded(film)), CAMERA_FPS) for n in "ab"}
            compare("pace of 15", runs, arguments.frames, clock)
    if "faces" in arguments.what:
        for count in FACES:
            synthetic(count, 640, 480, arguments.frames, clock, f"{count} faces")
    if "sizes" in arguments.what:
        for width, height in SIZES:
            synthetic(2, width, height, arguments.frames, clock, f"{width}x{height}")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((x.partition(": ")[2] for x in lines if x.startswith("model name")), "unknown")


if __name__ == "__main__":
    main()
