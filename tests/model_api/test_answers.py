"""What MXNet Model Server answers by itself is answered here, to the letter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.model_api.client import NO_MODEL, Client

NO_RESOURCE = {
    "code": 404,
    "type": "ResourceNotFoundException",
    "message": "Requested resource is not found, please refer to API document.",
}
NO_METHOD = {
    "code": 405,
    "type": "MethodNotAllowedException",
    "message": "Requested method is not allowed, please refer to API document.",
}


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/ping", 200, {"status": "Healthy"}),
        ("POST", "/ping", 200, {"status": "Healthy"}),
        ("GET", "/", 405, NO_METHOD),
        ("POST", "/", 405, NO_METHOD),
        ("POST", "/nothing", 404, NO_RESOURCE),
        ("POST", "/predictions", 404, NO_RESOURCE),
        ("GET", "/predictions/nope", 404, NO_MODEL),
        ("POST", "/predictions/nope", 404, NO_MODEL),
        ("OPTIONS", "/predictions/nope", 404, NO_MODEL),
        ("POST", "/nope/predict", 404, NO_MODEL),
        ("POST", "/models/nope/invoke", 404, NO_MODEL),
        ("POST", "/invocations?model_name=nope", 404, NO_MODEL),
        ("GET", "/models", 200, {"models": [{"modelName": "fer", "modelUrl": "fer-compact"}]}),
        ("GET", "/models/nope", 404, NO_MODEL),
        ("PATCH", "/models/fer", 405, NO_METHOD),
        ("DELETE", "/models/fer", 405, NO_METHOD),
        ("POST", "/models?url=http://127.0.0.1/x.mar", 405, NO_METHOD),
    ],
)
def test_what_needs_no_picture_is_answered_to_the_letter(
    api: Client, method: str, path: str, status: int, body: Any
) -> None:
    answer = api.ask(method, path)

    assert answer.status == status
    assert answer.body.decode() == json.dumps(body, indent=2) + "\n"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache; no-store, must-revalidate, private"
    assert len(answer.headers["x-request-id"]) == 36
    assert (answer.headers.get("connection") == "close") == (status >= 400)


def test_the_model_is_described_as_a_registered_one(api: Client, shipped_version: str) -> None:
    described = api.ask("GET", "/models/fer").json

    (worker,) = described.pop("workers")
    assert described == {
        "modelName": "fer",
        "modelVersion": shipped_version,
        "modelUrl": "fer-compact",
        "engine": "tflite",
        "runtime": "python",
        "minWorkers": 1,
        "maxWorkers": 1,
        "batchSize": 1,
        "maxBatchDelay": 0,
        "loadedAtStartup": True,
    }
    assert (worker["status"], worker["gpu"]) == ("READY", False)
    assert worker["memoryUsage"] > 10_000_000


def test_the_description_names_every_path_and_is_the_same_by_both_ways(api: Client) -> None:
    described = api.ask("GET", "/api-description")

    assert described.json == api.ask("OPTIONS", "/").json
    for path, operations in described.json["paths"].items():
        for method in operations:
            asked = api.ask(method.upper(), path.replace("{model_name}", "fer"))
            assert asked.status in (200, 400)  # 400: there was no picture
    single = api.ask("OPTIONS", "/predictions/fer").json
    assert (single["info"]["title"], list(single["paths"])) == (
        "RESTful API for: fer",
        ["/prediction/fer"],
    )
