"""The archive on the real servers of both generations: routes, bodies, batches, deaths, loads."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.emotion.labels import EMOTIONS
from agent.inference.request import Part, Request
from agent.inference.service import Inference
from handlers.mms.archive import write_archive
from handlers.mms.server import ModelServer
from tests.inference.strange_bodies import strange_bodies
from tests.patience import PATIENCE
from tests.servers.http import Reply, ask, form
from tests.servers.logs import handler_frames
from tests.servers.model_server import GENERATIONS, running
from tests.servers.processes import workers

Ask = Callable[..., Reply]

PREDICT = "/predictions/fer-compact"


@pytest.fixture(scope="module", params=GENERATIONS)
def server(
    request: pytest.FixtureRequest, archive: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelServer]:
    log = tmp_path_factory.mktemp("log") / "server.log"
    with running(request.param, archive, log) as started:
        yield started


@pytest.fixture(autouse=True)
def quiet_log(server: ModelServer) -> Iterator[None]:
    """No test leaves an exception of the handler in the server's log."""
    yield
    assert handler_frames(server.log) == []


@pytest.fixture
def infer(server: ModelServer) -> Ask:
    def asked(path: str = PREDICT, *args: Any, method: str = "POST", **more: Any) -> Reply:
        return ask(server.plan.port, method, path, *args, **more)

    return asked


@pytest.fixture
def manage(server: ModelServer) -> Ask:
    def asked(method: str, path: str) -> Reply:
        return ask(server.plan.management_port, method, path)

    return asked


@pytest.fixture(scope="module")
def second(
    server: ModelServer, shipped_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Another archive in the server's store: names that share one share its files, too."""
    model = tmp_path_factory.mktemp("model") / "fer-second"
    shutil.copytree(shipped_model, model)
    manifest = json.loads((model / "manifest.json").read_text())
    (model / "manifest.json").write_text(json.dumps(manifest | {"name": "fer-second"}))
    write_archive(server.plan.archive.with_name("fer-second.mar"), model)
    return "fer-second"


@pytest.fixture
def hopper(hopper_file: Path) -> bytes:
    return hopper_file.read_bytes()


@pytest.fixture
def expected(inference: Inference, hopper: bytes) -> Any:
    (answer,) = inference.answer([Request((Part("body", hopper),))])
    return answer.body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", PREDICT),
        ("PUT", PREDICT),
        ("POST", "/fer-compact/predict"),
        ("POST", "/invocations"),
        ("POST", "/invocations?model_name=fer-compact"),
        ("POST", "/models/fer-compact/invoke"),
    ],
)
def test_each_route_answers_as_the_agent_does(
    infer: Ask, hopper: bytes, expected: Any, method: str, path: str
) -> None:
    reply = infer(path, hopper, "image/jpeg", method=method)
    assert (reply.status, reply.body) == (200, expected)


def test_each_kind_of_body_is_read(
    infer: Ask, hopper: bytes, astronaut_file: Path, expected: Any
) -> None:
    text = base64.b64encode(hopper).decode()
    happy = astronaut_file.read_bytes()
    one = json.dumps({"image": text}).encode()
    two = json.dumps({"images": [text, "AAAA"]}).encode()
    assert infer(PREDICT, hopper, "application/octet-stream").body == expected
    assert infer(PREDICT, happy, "image/png").body["faces"][0]["emotion"] == "happiness"
    assert infer(PREDICT, *form({"data": (hopper, "image/jpeg")})).body == expected
    assert infer(PREDICT, *form({"any": (hopper, "image/jpeg")})).body == expected
    assert infer(PREDICT, one, "application/json").body == expected
    first, bad = infer(PREDICT, two, "application/json").body
    assert (first, bad["code"]) == (expected, 400)
    both = form({"a": (hopper, "image/jpeg"), "b": (happy, "image/png")})
    assert [len(picture["faces"]) for picture in infer(PREDICT, *both).body] == [1, 1]


def test_options_come_as_headers_fields_or_query(infer: Ask, hopper: bytes, expected: Any) -> None:
    labels = [{name: p} for name, p in expected["faces"][0]["probabilities"].items()]
    assert [*labels[0], *labels[-1]] == [EMOTIONS[0], EMOTIONS[-1]]
    for header in ("X-Emotion-Format", "x-emotion-format"):
        assert infer(PREDICT, hopper, "image/jpeg", {header: "labels"}).body == labels
    assert infer("/fer-compact/predict?format=labels", hopper, "image/jpeg").body == labels
    fields = form({"data": (hopper, "image/jpeg"), "format": (b"labels", None)})
    assert infer(PREDICT, *fields).body == labels
    whole = infer(PREDICT, hopper, "image/jpeg", {"X-Emotion-Crop": "whole"}).body
    assert whole["faces"][0]["box"] == [0, 0, 512, 600]
    assert infer(PREDICT, hopper, "image/jpeg", {"X-Emotion-Crop": "half"}).status == 400


def test_crops_are_answered_as_the_agents_own_runtime_reads_them(
    infer: Ask, inference: Inference
) -> None:
    stream = io.BytesIO()
    np.save(stream, np.random.default_rng(3).integers(0, 255, (7, 48, 48), np.uint8))
    part = Part("body", stream.getvalue(), "application/x-npy")
    (answer,) = inference.answer([Request((part,))])
    reply = infer(PREDICT, part.content, part.content_type)
    assert reply.body == json.loads(json.dumps(answer.body))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "image/jpeg"),
        (b"junk", "image/jpeg"),
        (b"{bad", "application/json"),
        (b"[1]", "application/json"),
        (b"junk", "application/x-npy"),
    ],
)
def test_a_bad_body_is_the_clients_error(infer: Ask, content: bytes, kind: str) -> None:
    reply = infer(PREDICT, content, kind)
    assert reply.status == 400
    assert reply.body["type"] == "BadRequestException"


def test_the_server_describes_itself(infer: Ask, manage: Ask, shipped_version: str) -> None:
    assert infer("/ping", method="GET").body == {"status": "Healthy"}
    paths = infer("/api-description", method="GET").body["paths"]
    assert "/predictions/{model_name}" in paths
    assert {"modelName": "fer-compact", "modelUrl": "fer-compact.mar"} in manage(
        "GET", "/models"
    ).body["models"]
    described = manage("GET", "/models/fer-compact").body
    assert (described["modelVersion"], len(described["workers"])) == (shipped_version, 1)


def test_bad_pictures_of_a_batch_leave_their_neighbours_alone(
    infer: Ask, manage: Ask, second: str, hopper: bytes, expected: Any
) -> None:
    """The server waits far longer for a full batch than a client waits for its answer: an answer
    says that the eight went to the handler together.
    """
    delay = int(2 * PATIENCE * 1000)
    query = f"url={second}.mar&batch_size=8&max_batch_delay={delay}&initial_workers=1"
    assert manage("POST", f"/models?{query}&synchronous=true").status == 200
    bodies = [hopper, hopper, b"junk", hopper, hopper, hopper[:2000], hopper, hopper]
    with ThreadPoolExecutor(len(bodies)) as clients:
        replies = list(
            clients.map(lambda body: infer(f"/predictions/{second}", body, "image/jpeg"), bodies)
        )
    assert [reply.status for reply in replies] == [200, 200, 400, 200, 200, 400, 200, 200]
    assert "text file" in replies[2].body["message"]
    assert "cut off" in replies[5].body["message"]
    assert all(reply.body == expected for reply in replies if reply.status == 200)
    assert manage("DELETE", f"/models/{second}").status == 200


def test_a_model_is_registered_scaled_and_unregistered(
    infer: Ask, manage: Ask, second: str, hopper: bytes, expected: Any
) -> None:
    created = manage("POST", f"/models?url={second}.mar&initial_workers=1&synchronous=true")
    assert created.body == {"status": "Workers scaled"}
    assert manage("POST", f"/models?url={second}.mar").status == 409
    scaled = manage("PUT", f"/models/{second}?min_worker=2&synchronous=true")
    assert scaled.body == {"status": "Workers scaled"}
    assert len(manage("GET", f"/models/{second}").body["workers"]) == 2
    assert infer(f"/predictions/{second}", hopper, "image/jpeg").body == expected
    assert manage("DELETE", f"/models/{second}").status == 200
    assert infer(f"/predictions/{second}", hopper, "image/jpeg").status == 404
    assert infer(PREDICT, hopper, "image/jpeg").body == expected


def test_a_killed_worker_comes_back(
    server: ModelServer, infer: Ask, hopper: bytes, expected: Any
) -> None:
    assert infer(PREDICT, hopper, "image/jpeg").status == 200
    (killed,) = workers(server.process.pid)
    os.kill(killed.pid, signal.SIGKILL)
    until = time.monotonic() + PATIENCE
    while (reply := infer(PREDICT, hopper, "image/jpeg")).status != 200:
        assert reply.body["message"] == "Worker died."
        assert time.monotonic() < until, "the worker did not come back"
        time.sleep(0.1)
    assert reply.body == expected
    (new,) = workers(server.process.pid)
    assert new.pid != killed.pid


def test_a_hundred_clients_at_once_all_get_their_answers(
    infer: Ask, hopper: bytes, astronaut_file: Path, expected: Any
) -> None:
    happy = astronaut_file.read_bytes()

    def client(number: int) -> tuple[int, str]:
        picture = (hopper, happy)[number % 2]
        reply = infer(PREDICT, picture, "application/octet-stream")
        return reply.status, reply.body["faces"][0]["emotion"]

    with ThreadPoolExecutor(100) as clients:
        replies = list(clients.map(client, range(200)))
    assert replies == [(200, "neutral"), (200, "happiness")] * 100


def test_strange_bodies_neither_kill_the_worker_nor_fill_its_memory(
    server: ModelServer, infer: Ask
) -> None:
    bodies = strange_bodies(seed=5, count=600, hosted=True)

    def sent(part: Part) -> int:
        return infer(PREDICT, part.content, part.content_type).status

    def memory() -> tuple[int, int]:
        (worker,) = workers(server.process.pid)
        return worker.pid, worker.resident

    with ThreadPoolExecutor(8) as clients:
        warm = list(clients.map(sent, bodies[:200]))
        pid, before = memory()
        statuses = warm + list(clients.map(sent, bodies[200:]))
    same, after = memory()
    assert set(statuses) <= {200, 400}
    assert {200, 400} <= set(statuses)
    assert same == pid
    assert after < before + 64e6
