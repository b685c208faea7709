"""The handler with a context that records what it is told.

The servers' own contexts come with the servers, in `test_model_servers.py`.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ModelError
from handlers.mms import emotion_handler


class Recorded:
    """A context as the servers make it."""

    def __init__(self, folder: Path, headers: list[Mapping[str, Any]]) -> None:
        self.system_properties: Mapping[str, Any] = {"model_dir": str(folder)}
        self.headers = headers
        self.statuses: dict[int, tuple[int, str]] = {}
        self.types: dict[int, str] = {}

    def get_request_id(self, idx: int) -> str:
        return f"request-{idx}"

    def get_all_request_header(self, idx: int) -> Mapping[str, Any]:
        return self.headers[idx]

    def set_response_status(self, code: int, phrase: str, idx: int) -> None:
        self.statuses[idx] = code, phrase

    def set_response_content_type(self, idx: int, value: str) -> None:
        self.types[idx] = value


@pytest.fixture(scope="module")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder)
    return folder


@pytest.fixture(autouse=True)
def unloaded() -> Iterator[None]:
    emotion_handler._loaded.clear()
    yield
    emotion_handler._loaded.clear()


def test_it_loads_without_data_and_answers_each_item(unpacked: Path, hopper_file: Path) -> None:
    picture = bytearray(hopper_file.read_bytes())
    headers = {"Content-Type": "image/jpeg", "body": {"content-type": "image/jpeg"}}
    labels = {"data": {"content-type": "image/jpeg"}, "x-emotion-format": "labels"}
    context = Recorded(unpacked, [headers, headers, labels])
    assert emotion_handler.handle(None, context) is None
    texts = emotion_handler.handle(
        [{"body": picture}, {"body": bytearray(b"junk")}, {"data": picture}], context
    )
    assert texts is not None
    whole, bad, listed = map(json.loads, texts)
    assert [face["emotion"] for face in whole["faces"]] == ["neutral"]
    assert bad["code"] == 400
    assert list(listed[0]) == ["neutral"]
    assert context.statuses == {0: (200, "OK"), 1: (400, "Bad Request"), 2: (200, "OK")}
    assert context.types == dict.fromkeys(range(3), "application/json")


def test_bodies_that_a_server_has_decoded_are_read_as_well(unpacked: Path) -> None:
    json_type = {"body": {"content-type": "application/json"}}
    context = Recorded(unpacked, [json_type, {"body": {"content-type": "text/plain"}}])
    texts = emotion_handler.handle([{"body": {"image": "AAAA"}}, {"body": "hello"}], context)
    assert texts is not None
    messages = [json.loads(text)["message"] for text in texts]
    assert messages[0].startswith("image: ")
    assert "a text file" in messages[1]


@pytest.mark.parametrize(
    "item",
    [{}, {"body": None}, {"body": object()}, {"body": 3.5}, {3: b"x"}, None, "text", {"body": {}}],
)
def test_nothing_is_raised_once_it_is_loaded(unpacked: Path, item: Any) -> None:
    context = Recorded(unpacked, [{}, {}])
    texts = emotion_handler.handle([item, {"body": b"junk"}], context)
    assert texts is not None
    assert len(texts) == 2
    assert {code for code, _ in context.statuses.values()} <= {400, 500}
    assert sorted(context.statuses) == [0, 1]


@given(
    st.lists(st.tuples(st.integers(1, 2000), st.integers(0, 40), st.integers(0, 30)), min_size=1)
)
def test_no_status_or_header_of_a_batch_reaches_over_a_multiple_of_512(
    sizes: list[tuple[int, int, int]],
) -> None:
    """The batch in the servers' own form, byte by byte: S marks what must stay in one piece."""
    texts, names, phrases = zip(
        *(("x" * size, name, phrase) for size, name, phrase in sizes), strict=True
    )
    frame = "." * len("codesizePrediction success")
    answers = emotion_handler.padded(texts, names, phrases)
    for text, name, phrase in zip(answers, names, phrases, strict=True):
        frame += "." * (4 + name + 4 + len("application/json"))
        frame += "S" * (4 + 4 + phrase + 4 + 4 + len("content-type") + 4 + len("application/json"))
        frame += "." * 4 + text
    assert len(frame) > 512
    assert all(frame[at] != "S" for at in range(512, len(frame), 512))
    assert frame.count("x") == sum(map(len, texts))


def test_an_archive_with_a_part_missing_fails_while_it_loads(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"manifest\.json: No such file"):
        emotion_handler.handle(None, Recorded(tmp_path, []))
