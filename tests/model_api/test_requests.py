"""Pictures on every route and in every kind of body, and what is no picture."""

from __future__ import annotations

import base64
import io
import json
import random
from http.client import HTTPConnection
from typing import Any

import numpy as np
import pytest

from tests.model_api.client import JPEG, MOST, NO_MODEL, Client, form, served
from tests.patience import PATIENCE


@pytest.mark.parametrize(
    "path",
    [
        "/predictions/fer",
        "/predictions/fer/1.0",
        "/fer/predict",
        "/invocations",
        "/invocations?model_name=fer",
        "/models/fer/invoke",
    ],
)
def test_every_route_reads_a_picture_as_classify_does(
    api: Client, picture: bytes, expected: dict[str, Any], path: str
) -> None:
    answer = api.ask("POST", path, picture, JPEG)

    assert (answer.status, answer.json) == (200, expected)
    assert answer.body.decode() == json.dumps(expected) + "\n"


@pytest.mark.parametrize("method", ["PUT", "GET", "PATCH"])
def test_the_method_does_not_matter(
    api: Client, picture: bytes, expected: dict[str, Any], method: str
) -> None:
    assert api.ask(method, "/predictions/fer", picture, JPEG).json == expected


@pytest.mark.parametrize("kind", [None, "application/octet-stream", "image/webp", "text/plain"])
def test_the_content_type_of_a_picture_does_not_matter(
    api: Client, picture: bytes, expected: dict[str, Any], kind: str | None
) -> None:
    assert api.ask("POST", "/predictions/fer", picture, kind).json == expected


def test_a_picture_that_curl_calls_a_form_is_read(
    api: Client, picture: bytes, expected: dict[str, Any]
) -> None:
    answer = api.ask("POST", "/predictions/fer", picture, "application/x-www-form-urlencoded")

    assert (answer.status, answer.json) == (200, expected)


def test_forms_and_json_are_read(api: Client, picture: bytes, expected: dict[str, Any]) -> None:
    in_base64 = base64.b64encode(picture).decode()
    one = json.dumps({"image": in_base64}).encode()
    two = json.dumps({"images": [in_base64, "rubbish"]}).encode()

    assert api.ask("POST", "/predictions/fer", *form(("data", picture))).json == expected
    assert api.ask("POST", "/predictions/fer", one, "application/json").json == expected
    good, bad = api.ask("POST", "/predictions/fer", two, "application/json").json
    assert (good, bad["code"]) == (expected, 400)


def test_a_form_may_name_the_model(api: Client, picture: bytes, expected: dict[str, Any]) -> None:
    known = form(("model_name", b"fer"), ("data", picture))
    unknown = form(("model_name", b"nope"), ("data", picture))

    assert api.ask("POST", "/invocations", *known).json == expected
    assert api.ask("POST", "/invocations", *unknown).json == NO_MODEL


def test_options_come_by_query_and_by_form(api: Client, picture: bytes) -> None:
    by_query = api.ask("POST", "/predictions/fer?format=labels&crop=whole", picture, JPEG).json
    fields = form(("format", b"labels"), ("crop", b"whole"), ("data", picture))
    by_form = api.ask("POST", "/predictions/fer", *fields).json

    assert by_query == by_form
    assert [list(pair) for pair in by_query][:2] == [["neutral"], ["happiness"]]


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"", JPEG, "empty"),
        (b"rubbish", JPEG, "picture"),
        (b"{bad", "application/json", "not valid JSON"),
        (b"rubbish", "multipart/form-data; boundary=edge", "not a multipart form"),
        (b"rubbish", "multipart/form-data", "no boundary"),
        (b"rubbish", "multipart/form-data; boundary*=a; boundary*0=b", "no boundary"),
        (b"--edge\r\n\r\n", "multipart/form-data; boundary=edge", "cut off"),
        (b"--edge\r\nx\r\n--edge--", "multipart/form-data; boundary=edge", "no content"),
        (b"format=colours", "application/x-www-form-urlencoded", "colours"),
        (b"crop=whole", "application/x-www-form-urlencoded", "no picture"),
    ],
)
def test_a_bad_body_is_a_400_that_says_why(api: Client, body: bytes, kind: str, words: str) -> None:
    answer = api.ask("POST", "/predictions/fer", body, kind)

    assert (answer.status, answer.json["code"]) == (400, 400)
    assert answer.json["type"] == "BadRequestException"
    assert words in answer.json["message"]


def test_the_largest_request_is_read_and_one_byte_more_is_not(api: Client) -> None:
    assert api.ask("POST", "/predictions/fer", bytes(MOST), JPEG).status == 400
    for body, kind in ((bytes(MOST + 1), JPEG), form(("data", bytes(MOST + 1)))):
        refused = api.ask("POST", "/predictions/fer", body, kind)
        assert (refused.status, refused.body) == (413, b"")
        assert "content-type" not in refused.headers
        assert refused.headers["connection"] == "close"


def test_a_body_of_unknown_length_is_counted_as_it_comes(api: Client) -> None:
    connection = HTTPConnection("127.0.0.1", api.port, timeout=PATIENCE)
    pieces = (bytes(1000) for _ in range(MOST // 1000 + 1))
    connection.request("POST", "/predictions/fer", pieces, {"Content-Type": JPEG})

    assert connection.getresponse().status == 413
    connection.close()


def test_a_connection_serves_many_requests(api: Client, picture: bytes) -> None:
    connection = HTTPConnection("127.0.0.1", api.port, timeout=PATIENCE)
    for _ in range(3):
        connection.request("POST", "/predictions/fer", picture, {"Content-Type": JPEG})
        assert served(connection.getresponse()).status == 200
        assert connection.sock is not None
    connection.close()


def test_crops_come_as_a_numpy_file(api: Client, shipped_version: str) -> None:
    body = io.BytesIO()
    np.save(body, np.zeros((2, 48, 48), np.uint8))

    answer = api.ask("POST", "/predictions/fer", body.getvalue(), "application/x-npy")

    assert answer.json["model"] == f"fer-compact@{shipped_version}"
    assert np.array(answer.json["probabilities"]).shape == (2, 8)


def test_no_body_whatever_brings_it_down(api: Client, picture: bytes) -> None:
    rng = random.Random(5)
    good, kind = form(("data", picture[:3000]), ("crop", b"whole"))
    kinds = (
        kind,
        JPEG,
        "",
        "application/json",
        "application/x-npy",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=\xff",
        "multipart/form-data; boundary*0*=x''y",
        "multipart/form-data; boundary*=a; boundary*0=b",
        "multipart/mixed; boundary=edge",
    )
    for _ in range(300):
        body = bytearray(good if rng.random() < 0.8 else rng.randbytes(rng.randrange(300)))
        for _ in range(rng.randrange(8)):
            at = rng.randrange(len(body) + 1)
            body[at : at + rng.randrange(40)] = rng.randbytes(rng.randrange(9))
        answer = api.ask("POST", "/predictions/fer", bytes(body), rng.choice(kinds))
        assert answer.status in (200, 400)
    assert api.ask("GET", "/ping").json == {"status": "Healthy"}
