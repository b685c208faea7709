"""The API beside a real MXNet Model Server with the same model: one cannot tell which answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent.model_api.opening import open_model_api
from agent.settings import ApiSettings, Settings
from handlers.mms.archive import write_archive
from tests.patience import PATIENCE
from tests.servers.model_server import running

NAME = "fer-compact"
JPEG = "image/jpeg"


class Twins(NamedTuple):
    """Ports of the real server, of its management, and of the API."""

    inference: int
    management: int
    api: int


@pytest.fixture(scope="module")
def twins(
    demo_file: Callable[[str], Path], project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Twins]:
    demo_file("blazeface-back")
    folder = tmp_path_factory.mktemp("twins")
    archive = folder / f"{NAME}.mar"
    write_archive(archive, project / "models" / NAME)
    with ExitStack() as stack:
        plan = stack.enter_context(running("mms", archive, folder / "log")).plan
        address = open_model_api(Settings(api=ApiSettings(enabled=True, port=0)), stack)
        assert address is not None
        yield Twins(plan.port, plan.management_port, int(address.split(":")[2].split("/")[0]))


def ask(
    port: int, method: str, path: str, body: bytes | None = None, kind: str | None = None
) -> dict[str, Any]:
    """What a client can see of an answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, {"Content-Type": kind} if kind else {})
        response = connection.getresponse()
        return {
            "status": response.status,
            "type": response.getheader("Content-Type"),
            "connection": response.getheader("Connection") == "close",
            "cache": response.getheader("Cache-Control"),
            "identified": len(response.getheader("x-request-id") or ""),
            "body": response.read().decode(),
        }
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/ping"),
        ("POST", "/ping"),
        ("DELETE", "/ping"),
        ("GET", "/"),
        ("POST", "/nothing"),
        ("POST", "/predictions"),
        ("OPTIONS", f"/predictions/{NAME}"),
        ("OPTIONS", "/predictions/nope"),
        ("GET", "/predictions/nope"),
        ("POST", "/nope/predict"),
        ("POST", "/models/nope/invoke"),
        ("POST", "/invocations?model_name=nope"),
        ("POST", f"/models/{NAME}/nothing"),
    ],
)
def test_without_a_picture_they_answer_alike(twins: Twins, method: str, path: str) -> None:
    assert ask(twins.api, method, path) == ask(twins.inference, method, path)


@pytest.mark.parametrize(
    "route",
    [
        f"/predictions/{NAME}",
        f"/predictions/{NAME}/1.0",
        f"/{NAME}/predict",
        f"/models/{NAME}/invoke",
        "/invocations",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_picture_is_answered_alike_on_every_route(
    twins: Twins, hopper_file: Path, route: str, method: str
) -> None:
    body = hopper_file.read_bytes()

    assert ask(twins.api, method, route, body, JPEG) == ask(
        twins.inference, method, route, body, JPEG
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", JPEG),
        (b"rubbish", JPEG),
        (b"rubbish", "application/x-npy"),
        (b"{bad", "application/json"),
        (b'{"image": "rubbish"}', "application/json"),
        (b'{"images": []}', "application/json"),
        (b"crop=whole&format=labels", "application/x-www-form-urlencoded"),
        (
            b'--edge\r\nContent-Disposition: form-data; name="data"\r\n\r\nrubbish\r\n--edge--\r\n',
            "multipart/form-data; boundary=edge",
        ),
        (bytes(6_553_500), JPEG),
    ],
)
def test_bad_bodies_are_refused_alike(twins: Twins, body: bytes, kind: str) -> None:
    route = f"/predictions/{NAME}"

    assert ask(twins.api, "POST", route, body, kind) == ask(
        twins.inference, "POST", route, body, kind
    )


def test_one_byte_too_many_is_refused_alike(twins: Twins) -> None:
    body = bytes(6_553_501)
    here, there = (
        ask(port, "POST", f"/predictions/{NAME}", body, JPEG)
        for port in (twins.api, twins.inference)
    )

    assert (here["status"], here["type"], here["body"]) == (413, None, "")
    assert here.pop("connection")  # the rest of the body is on its way
    there.pop("connection")
    assert here == there


def test_the_description_differs_by_the_two_management_calls_that_are_answered_here(
    twins: Twins,
) -> None:
    for method, path in (("GET", "/api-description"), ("OPTIONS", "/")):
        here, there = (
            json.loads(ask(port, method, path)["body"]) for port in (twins.api, twins.inference)
        )
        # A slip of theirs: it is the text of the call that unregisters a model.
        (parameter,) = there["paths"]["/{model_name}/predict"]["post"]["parameters"]
        assert parameter["description"] == "Name of model to unregister."
        parameter["description"] = "Name of model."
        assert set(here["paths"]) - set(there["paths"]) == {"/models", "/models/{model_name}"}
        for added in ("/models", "/models/{model_name}"):
            del here["paths"][added]
        assert here == there


def test_the_models_are_listed_and_described_in_the_same_words(twins: Twins) -> None:
    listed, described = (
        [json.loads(ask(port, "GET", path)["body"]) for port in (twins.api, twins.management)]
        for path in ("/models", f"/models/{NAME}")
    )

    assert [one["models"][0]["modelName"] for one in listed] == [NAME, NAME]
    assert [set(one["models"][0]) for one in listed] == [{"modelName", "modelUrl"}] * 2
    here, there = described
    assert set(here) == set(there)
    assert set(here["workers"][0]) == set(there["workers"][0])
    for key in ("modelName", "modelVersion", "runtime", "minWorkers", "maxWorkers", "batchSize"):
        assert here[key] == there[key]
    assert here["workers"][0]["status"] == there["workers"][0]["status"]
