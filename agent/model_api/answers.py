"""Answers in the words, the shape and the headers of MXNet Model Server's own."""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import uuid4

from aiohttp import web

_HEADERS: Final = {
    "Pragma": "no-cache",
    "Cache-Control": "no-cache; no-store, must-revalidate, private",
    "Expires": "Thu, 01 Jan 1970 00:00:00 UTC",
}


def message(body: Any) -> web.Response:
    """What the server says of itself."""
    return _json(200, json.dumps(body, indent=2))


def prediction(status: int, body: Any) -> web.Response:
    """What the handler says, as `handlers.mms` writes it; its status counts, not its phrase."""
    return _json(status, json.dumps(body, allow_nan=False))


def refusal(status: int, kind: str, words: str) -> web.Response:
    """An error of the server."""
    body = {"code": status, "type": kind, "message": words}
    return _json(status, json.dumps(body, indent=2))


def no_such_resource() -> web.Response:
    return refusal(
        404,
        "ResourceNotFoundException",
        "Requested resource is not found, please refer to API document.",
    )


def no_such_model(name: str) -> web.Response:
    return refusal(404, "ModelNotFoundException", f"Model not found: {name}")


def wrong_method() -> web.Response:
    return refusal(
        405,
        "MethodNotAllowedException",
        "Requested method is not allowed, please refer to API document.",
    )


def too_large() -> web.Response:
    answer = web.Response(status=413)
    answer.force_close()
    return answer


def no_worker(name: str) -> web.Response:
    return refusal(
        503,
        "ServiceUnavailableException",
        f"No worker is available to serve request for model: {name}. "
        "Consider increasing job queue size.",
    )


def _json(status: int, text: str) -> web.Response:
    answer = web.Response(status=status, body=f"{text}\n".encode(), headers=_HEADERS)
    answer.headers["Content-Type"] = "application/json"
    return _finished(answer)


def _finished(answer: web.Response) -> web.Response:
    answer.headers["x-request-id"] = str(uuid4())
    if answer.status >= 400:
        answer.force_close()
    return answer
