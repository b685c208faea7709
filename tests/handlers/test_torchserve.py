"""The same archive on TorchServe, a fork of MXNet Model Server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.inference.request import Part, Request
from agent.inference.service import Inference
from tests.servers import torchserve
from tests.servers.http import ask, form
from tests.servers.logs import handler_frames

PREDICT = "/predictions/fer-compact"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "torchserve.log"


@pytest.fixture(scope="module")
def port(archive: Path, log: Path) -> Iterator[int]:
    with torchserve.running(archive, log) as started:
        yield started


def test_the_archive_is_served_unchanged(
    port: int, log: Path, hopper_file: Path, inference: Inference
) -> None:
    hopper = hopper_file.read_bytes()
    (expected,) = inference.answer([Request((Part("body", hopper),))])
    assert ask(port, "POST", PREDICT, hopper, "image/jpeg").body == expected.body
    assert ask(port, "POST", PREDICT, *form({"data": (hopper, "image/jpeg")})).body == expected.body
    labels = ask(port, "POST", PREDICT, hopper, "image/jpeg", {"X-Emotion-Format": "labels"}).body
    assert labels[0] == {"neutral": expected.body["faces"][0]["probabilities"]["neutral"]}
    bad = ask(port, "POST", PREDICT, b"junk", "image/jpeg")
    assert (bad.status, bad.body["type"]) == (400, "BadRequestException")
    assert handler_frames(log) == []


def test_several_clients_at_once_get_their_own_answers(port: int, hopper_file: Path) -> None:
    pictures = [hopper_file.read_bytes(), b"junk"] * 8
    with ThreadPoolExecutor(len(pictures)) as clients:
        replies = list(
            clients.map(lambda body: ask(port, "POST", PREDICT, body, "image/jpeg"), pictures)
        )
    assert [reply.status for reply in replies] == [200, 400] * 8
    assert all(json.loads(reply.content) for reply in replies)
