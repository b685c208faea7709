"""The live picture and the stream: what they cost, and what slow and greedy clients cost."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path
from time import sleep

import cv2
import numpy as np
import pytest

from agent.feedback.web.drawing import COLOURS, as_jpeg
from agent.feedback.web.feed import MOST_LISTENERS, Feed, Listener
from agent.feedback.web.preview import MOST_VIEWERS
from agent.types import Image
from tests.feedback.web.page_server import Served, Stream, event, serving, until


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return tmp_path


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(preview_fps=50) as served:
        served.show()
        served.look()
        yield served


def encoded(served: Served) -> int:
    return served.sink._api.preview.encoded


def viewers(served: Served) -> int:
    return served.sink._api.preview.viewers


def decoded(jpeg: bytes) -> Image:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def look(served: Served, stack: ExitStack) -> HTTPResponse:
    """Somebody who watches the picture."""
    connection = served.connect()
    stack.callback(connection.close)
    connection.request("GET", "/api/v1/preview.mjpg")
    reply = connection.getresponse()
    stack.callback(reply.close)
    return reply


def next_picture(reply: HTTPResponse) -> Image:
    length = 0
    while line := reply.readline().strip():
        if line.lower().startswith(b"content-length"):
            length = int(line.split(b":")[1])
    picture = decoded(reply.read(length))
    assert reply.readline() == b"\r\n"
    return picture


def test_nothing_is_encoded_while_nobody_looks(served: Served) -> None:
    stream = Stream(served)
    for level in range(20):
        served.look(level)
        served.sink.publish(event(level))
        stream.next("emotion")
    assert encoded(served) == 0
    stream.close()


def test_every_viewer_sees_the_picture_move_and_it_is_encoded_once(served: Served) -> None:
    with ExitStack() as stack:
        watching = [look(served, stack) for _ in range(3)]
        for reply in watching:
            assert abs(float(next_picture(reply)[-40:].mean()) - 128) < 10
        assert encoded(served) == 1
        served.look(200)
        for reply in watching:
            assert abs(float(next_picture(reply)[-40:].mean()) - 200) < 10
        assert encoded(served) == 2
        assert viewers(served) == 3
    until(lambda: viewers(served) == 0)
    served.look(50)
    sleep(0.2)  # ten times as long as a viewer would have to wait
    assert encoded(served) == 2


def test_a_face_has_its_box_in_the_colour_of_its_emotion(served: Served) -> None:
    picture = decoded(served.ask("/api/v1/preview.jpg").body)
    assert picture.shape == (240, 320, 3)
    red, green, blue = bytes.fromhex(COLOURS["happiness"][1:])
    edge = picture[60:100, 60].astype(int).mean(axis=0)
    assert np.abs(edge - (blue, green, red)).max() < 40


def test_a_blurred_face_has_no_detail_and_the_rest_has(served: Served) -> None:
    view = served.board.view
    assert view is not None
    clear, blurred = decoded(as_jpeg(view, blur=False)), decoded(as_jpeg(view, blur=True))
    face, rest = (slice(60, 100), slice(70, 130)), (slice(160, 230), slice(160, 310))
    assert detail(blurred[face]) < 0.02 * detail(clear[face])
    assert detail(blurred[rest]) == pytest.approx(detail(clear[rest]), rel=0.01)
    before = view.frame.image.copy()
    as_jpeg(view, blur=True)
    assert np.array_equal(view.frame.image, before)


def detail(image: Image) -> float:
    return float(cv2.Laplacian(image, cv2.CV_64F).var())


def test_settings_can_blur_every_picture() -> None:
    with serving(blur_faces=True) as served:
        served.look()
        picture = decoded(served.ask("/api/v1/preview.jpg?blur=0").body)
        assert detail(picture[60:100, 70:130]) < 10


def test_a_forbidden_picture_is_never_encoded() -> None:
    with serving(preview=False) as served:
        served.show()
        served.look()
        for name in ("preview.jpg", "preview.mjpg"):
            reply = served.ask(f"/api/v1/{name}")
            assert (reply.status, "web.preview" in reply.json["error"]) == (403, True)
        assert encoded(served) == 0
        assert served.ask("/api/v1/state").json["preview"] is False


def test_there_is_no_picture_while_the_camera_is_off(served: Served) -> None:
    served.board.view = None
    assert served.ask("/api/v1/preview.jpg").status == 409


def test_too_many_viewers_and_listeners_are_turned_away(served: Served) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_VIEWERS):
            assert look(served, stack).status == 200
        assert look(served, stack).status == 503
        streams = [Stream(served) for _ in range(MOST_LISTENERS + 1)]
        assert [stream.reply.status for stream in streams].count(503) == 1
        for stream in streams:
            stream.close()
    until(lambda: look_once(served) == 200)


def look_once(served: Served) -> int:
    with ExitStack() as stack:
        return look(served, stack).status


def test_a_client_that_takes_nothing_is_cut_off_and_holds_up_nobody(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.feedback.web.api._PATIENCE", 0.5)
    with socket.socket() as lazy, ExitStack() as stack:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", served.port))
        lazy.sendall(b"GET /api/v1/preview.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: viewers(served) == 1)
        keen = look(served, stack)
        ended = threading.Event()
        moving = threading.Thread(target=_move, args=(served, ended))
        moving.start()
        try:
            until(lambda: viewers(served) == 1 and next_picture(keen) is not None)
        finally:
            ended.set()
            moving.join()


def _move(served: Served, ended: threading.Event) -> None:
    level = 0
    while not ended.wait(0.01):
        level = (level + 1) % 200
        served.look(level)


def test_a_listener_that_lags_gets_the_newest_state_and_events() -> None:
    async def lag() -> bytes:
        listener = Listener()
        for number in range(1000):
            listener.offer(b"event %d\n" % number)
            listener.offer(b"state %d\n" % number, state=True)
        return await listener.take(1)

    lines = asyncio.run(lag()).decode().splitlines()
    assert lines[-1] == "state 999"
    assert lines[:-1] == [f"event {number}" for number in range(1000 - 64, 1000)]


def test_a_feed_without_listeners_makes_no_message() -> None:
    Feed().send("state", {"not": {"for json"}})  # would raise
