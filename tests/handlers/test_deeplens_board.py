from __future__ import annotations

import json
import sys
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from agent.cli import main
from agent.emotion.labels import EMOTIONS
from agent.settings import AudioSettings, Settings
from handlers.deeplens.project import function_files, tarred, zipped
from tests.boards.deeplens_board import THING, Board, python_3_7
from tests.old_python import UnavailableError

pytest.importorskip("openvino")

GREEN = (80, 220, 60)


@pytest.fixture(scope="module")
def film(demo_file: Callable[[str], Path]) -> Path:
    return demo_file("single_face.mp4")


@pytest.fixture(scope="module")
def function(shipped_model: Path, sdk_wheel: Path) -> bytes:
    settings = Settings(audio=AudioSettings(enabled=True, device="plughw:0"))
    return zipped(function_files(settings, shipped_model, sdk_wheel))


@pytest.fixture(scope="module")
def model_archive(archived_model: dict[str, bytes]) -> bytes:
    return tarred(archived_model)


@pytest.fixture
def board(tmp_path: Path, function: bytes) -> Iterator[Board]:
    with Board(tmp_path, function) as board:
        yield board


@pytest.fixture(scope="module")
def own_events(film: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the agent tells of the film, with the detector that the board has."""
    file = tmp_path_factory.mktemp("own") / "events"
    sets = ["faces.detector=haar", "history.enabled=false", f"events.file={file}"]
    options = [option for text in sets for option in ("--set", text)]
    assert main(["run", "--source", str(film), "--pace=none", "--until-end", *options]) == 0
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture(scope="module", params=["the current Python", "Python 3.7"])
def played(
    request: pytest.FixtureRequest,
    film: Path,
    function: bytes,
    model_archive: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Board, Any]]:
    """A board that has seen the film to its end, and a picture that its viewer read meanwhile."""
    python: Path | str = sys.executable
    if request.param == "Python 3.7":
        try:
            python = python_3_7()
        except UnavailableError as reason:
            pytest.skip(str(reason))
    with Board(tmp_path_factory.mktemp("board"), function, python) as board:
        board.deploy(model_archive)
        board.start(film, restart=1000)
        board.wait(lambda: board.fifo.is_fifo() or board.told("failed"))
        assert board.fifo.is_fifo(), board.log.read_text()
        picture = first_boxed(board.fifo)  # and the reader hangs up
        board.wait(lambda: board.told("failed"))
        yield board, picture


def first_boxed(fifo: Path) -> Any:
    """The first picture with a decided face in it, H x W x 3; None where there was none."""
    pending = b""
    with fifo.open("rb") as stream:
        while piece := stream.read1(1 << 16):
            *jpegs, pending = (pending + piece).split(b"\xff\xd9")
            for jpeg in jpegs:
                picture = cv2.imdecode(np.frombuffer(jpeg + b"\xff\xd9", np.uint8), 1)
                if picture is not None and green(picture).any():
                    return picture
    return None


def green(picture: Any) -> Any:
    """The pixels in the colour of a decided face's box, as far as JPEG leaves it."""
    return np.abs(picture.astype(int) - GREEN).max(axis=2) < 40


def test_it_tells_what_the_agent_tells_of_the_same_film(
    played: tuple[Board, Any], own_events: list[dict[str, Any]]
) -> None:
    board, _ = played
    keys = ("type", "track", "emotion", "previous", "reason", "frame")
    messages = [m["payload"] for m in board.messages()]

    assert [m["type"] for m in (messages[0], messages[-1])] == ["ready", "failed"]
    assert [[m[key] for key in keys] for m in messages[1:-1]] == [
        [event[key] for key in keys] for event in own_events
    ]
    assert [event["emotion"] for event in own_events] == ["neutral", "happiness", "happiness"]
    for told, own in zip(messages[1:-1], own_events, strict=True):
        assert told.keys() == own.keys()
        assert told["device"] == THING
        assert list(told["probabilities"]) == list(EMOTIONS)
        assert told["confidence"] == pytest.approx(own["confidence"], abs=0.05)
        assert np.abs(np.subtract(told["box"], own["box"])).max() <= 2


def test_every_message_goes_to_the_things_topic(played: tuple[Board, Any]) -> None:
    sent = {(m["topic"], m["policy"]) for m in played[0].messages()}

    assert sent == {(f"$aws/things/{THING}/infer", "AllOrError")}  # the SDK's AllOrException


def test_the_viewers_pictures_show_boxes(played: tuple[Board, Any]) -> None:
    _, picture = played

    assert picture.shape == (480, 858, 3)
    rows, columns = np.nonzero(green(picture))
    assert 200 < np.ptp(rows) < 460
    assert 150 < np.ptp(columns) < 400


def test_an_emotion_is_heard_and_neutral_is_not(played: tuple[Board, Any]) -> None:
    board, _ = played
    board.wait(board.sounds)

    (line,) = board.sounds()
    *options, file = line.split()
    assert options == ["-q", "-D", "plughw:0"]
    assert Path(file).name == "happiness.wav"
    with wave.open(file) as sound:
        assert 0.2 < sound.getnframes() / sound.getframerate() < 1


def test_a_missing_model_is_named_and_read_once_it_is_there(
    board: Board, film: Path, model_archive: bytes
) -> None:
    board.start(film, restart=0.2)
    board.wait(lambda: board.told("failed"))
    assert "is model-deeplens.pb in /opt/awscam/artifacts?" in board.told("failed")[0]["error"]
    assert not board.told("ready")

    board.deploy(model_archive)

    board.wait(lambda: board.told("ready"))


def test_a_lost_frame_begins_a_new_run_and_a_refusing_core_gets_all_messages_later(
    board: Board, film: Path, model_archive: bytes
) -> None:
    board.deploy(model_archive)
    board.start(film, restart=0.2, BOARD_FAILS_AT="20", BOARD_REFUSES="3")
    board.wait(lambda: len(board.told("started")) > 1)

    kinds = [m["payload"]["type"] for m in board.messages()]
    assert kinds[: kinds.index("failed")] == ["ready", "started", "ended"]
    again = board.messages()[kinds.index("failed") + 1 :]
    assert [m["payload"].get("emotion") for m in again[:2]] == [None, "happiness"]
    assert board.told("failed")[0]["error"] == "SourceError: awscam: the camera gives no frame"
    log = board.log.read_text()
    assert log.count("the core refuses messages") == 1
    assert log.count("the core takes messages again") == 1


def test_what_a_core_has_not_taken_before_a_failure_it_gets_after_it(
    board: Board, film: Path, model_archive: bytes
) -> None:
    board.deploy(model_archive)
    board.start(film, restart=0.2, BOARD_FAILS_AT="20", BOARD_REFUSES="60")
    board.wait(lambda: len(board.told("failed")) > 1)  # the second time at the film's end

    kinds = [m["payload"]["type"] for m in board.messages()]
    assert kinds[:8] == 2 * ["ready", "started", "ended", "failed"]
