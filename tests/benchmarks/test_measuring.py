"""The loop around every candidate, and the candidates in their own processes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from openvino import Model, op, save_model
from openvino import opset13 as ops

from benchmarks.candidates.environments import NodeEnvironment, UnavailableError
from benchmarks.candidates.listing import Candidate, NodeCandidate, candidates
from benchmarks.candidates.measuring import (
    WARM_UP,
    Clock,
    Read,
    read_film,
    read_pictures,
)
from benchmarks.candidates.openvino_retail import CLASSIFIER, DETECTOR, OpenvinoRetail
from benchmarks.candidates.processes import FilmReader, last_line
from benchmarks.peers import make_footage

DemoFile = Callable[[str], Path]
FRAMES = 7


class Bright:
    """Finds a face in every bright frame, and a happy one in the brightest."""

    versions = {"bright": "1"}  # noqa: RUF012

    def __init__(self) -> None:
        self.times: list[float] = []

    def frame(self, image: Any, seconds: float, clock: Clock) -> list[Read]:
        self.times.append(seconds)
        with clock.stage("detect"):
            mean = float(image.mean())
        with clock.stage("classify"):
            scores = {"happy": mean - 150, "neutral": 0.0}
        return [Read.of((1, 2, 3, 4), scores)] if mean > 100 else []

    def picture(self, image: Any) -> list[Read]:
        return self.frame(image, 0.0, Clock())


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven frames from black to white."""
    path = tmp_path_factory.mktemp("film") / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for i in range(FRAMES):
        writer.write(np.full((48, 64, 3), 255 * i // (FRAMES - 1), np.uint8))
    writer.release()
    return path


def test_whole_loops_of_the_film_are_counted_in_every_turn(film: Path) -> None:
    opened, *turns = read_film(bright := Bright(), film, [0.05, 0.0])
    assert opened["versions"] == {"bright": "1"}
    loops = [turn["frames"] // FRAMES for turn in turns]
    assert [turn["frames"] for turn in turns] == [count * FRAMES for count in loops]
    assert loops[0] >= 1
    assert loops[1] == 1  # no time, but one loop all the same
    for turn, count in zip(turns, loops, strict=True):
        # 0, 42, 85, 127, 170, 212 and 255: four are bright, of them three very.
        assert turn["faces"] == {0: 3 * count, 1: 4 * count}
        assert turn["emotions"] == {"happiness": 3 * count, "neutral": count}
    assert len(bright.times) == 1 + 2 * WARM_UP + FRAMES * sum(loops)
    assert np.diff(bright.times) == pytest.approx(0.1)


def test_stages_are_parts_of_the_time_of_a_turn(film: Path) -> None:
    _, turn = read_film(Bright(), film, [0.05])
    assert set(turn["stages"]) == {"decode", "detect", "classify"}
    assert 0 < sum(turn["stages"].values()) <= turn["milliseconds"]
    assert turn["peak_memory_mb"] > 10


def test_the_largest_face_of_a_picture_counts(tmp_path: Path) -> None:
    class Two(Bright):
        def picture(self, image: Any) -> list[Read]:
            return [Read.of((0, 0, 2, 9), {"sad": 1.0}), Read.of((0, 0, 9, 9), {"fearful": 1.0})]

    cv2.imwrite(str(path := tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    assert read_pictures(Two(), iter([path])) == {"read": {str(path): "fear"}}
    assert read_pictures(Bright(), iter([path])) == {"read": {str(path): None}}


def test_the_agent_follows_the_one_face_of_the_demo(demo_file: DemoFile, tmp_path: Path) -> None:
    demo_file("single_face.mp4")
    footage = make_footage(tmp_path)
    assert footage.raw.stat().st_size == 72 * 640 * 480 * 3
    with closing(candidates()[0].film(footage)) as reader:
        opened, result = reader.about, reader.turn(0.0)
    assert result["frames"] == 72
    assert result["faces"].get("1", 0) >= 70
    assert {"neutral", "happiness"} <= set(result["emotions"])
    assert {"decode", "detect", "classify"} <= set(result["stages"])
    assert opened["start_up"] > opened["start_up_processor"] * 0.5 > 0
    assert "fer-compact" in opened["versions"]["parts"]


@pytest.mark.parametrize(
    "candidate", [c for c in candidates() if c.environment], ids=lambda candidate: candidate.name
)
def test_a_candidate_that_was_installed_reads_a_smile(
    candidate: Candidate, demo_file: DemoFile, tmp_path: Path
) -> None:
    assert candidate.environment is not None
    if not (candidate.environment.folder / ".made").is_file():
        pytest.skip(f"{candidate.name} was not installed by `make bench`")
    if candidate.name == "openvino":
        pytest.skip("its models are in no package known here")
    smiling = demo_file("astronaut.png")
    assert candidate.pictures([smiling], tmp_path) == {str(smiling): "happiness"}


def test_the_openvino_candidate_reads_what_the_networks_say(tmp_path: Path) -> None:
    """Networks of the Open Model Zoo's shapes that always say the same stand for the real ones."""
    rows = [[0, 1, 0.9, 0.25, 0.25, 0.5, 0.75], [0, 1, 0.3, 0, 0, 1, 1], [-1, 0, 0, 0, 0, 0, 0]]
    _save_constant(tmp_path / "a" / DETECTOR, 300, np.array(rows).reshape(1, 1, 3, 7))
    _save_constant(tmp_path / CLASSIFIER, 64, np.array([0.1, 0.1, 0.2, 0.5, 0.1]))
    reader = OpenvinoRetail(str(tmp_path))
    picture = np.zeros((480, 640, 3), np.uint8)
    assert reader.picture(picture) == [Read((160.0, 120.0, 160.0, 240.0), "surprise")]


def _save_constant(path: Path, side: int, said: Any) -> None:
    image = ops.parameter([1, 3, side, side], np.float32, name="data")
    nothing = ops.multiply(ops.reduce_mean(image, np.array([0, 1, 2, 3]), False), np.float32(0))
    result = ops.add(op.Constant(said.astype(np.float32)), nothing)
    path.parent.mkdir(exist_ok=True)
    save_model(Model([result], [image]), path.with_suffix(".xml"), compress_to_fp16=False)


def test_models_that_are_not_supplied_are_the_reason(tmp_path: Path) -> None:
    for folder, words in ((None, "none supplied"), (str(tmp_path), "has none")):
        candidate = next(one for one in candidates(folder) if one.name == "openvino")
        with pytest.raises(UnavailableError, match=f"{DETECTOR}.*{words}.*--openvino FOLDER"):
            candidate.ready(print)


def test_missing_node_is_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match=r"needs Node\.js"):
        NodeCandidate("face-api", "face-api", "", NodeEnvironment("face-api")).ready(print)


def test_a_program_that_fails_is_the_reason() -> None:
    failing = [sys.executable, "-c", "import sys; sys.exit('out of luck')"]
    for start in (lambda command: last_line(command, ""), FilmReader):
        with pytest.raises(UnavailableError, match="failed: out of luck"):
            start(failing)
        with pytest.raises(UnavailableError, match="cannot be started"):
            start(["/nonexistent/python"])


def test_a_candidate_that_ends_between_two_turns_is_the_reason() -> None:
    program = (
        "import sys; print('of a library'); print('{\"started\": 0}', flush=True);"
        "print('{\"frames\": ', input(), '}', flush=True); sys.exit('out of luck')"
    )
    with closing(FilmReader([sys.executable, "-c", program])) as reader:
        assert reader.turn(1.5) == {"frames": 1.5}
        with pytest.raises(UnavailableError, match="failed: out of luck"):
            reader.turn(1.5)
