"""Crops on their way to a model server, and its answer on the way back."""

from __future__ import annotations

import io
import json
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS

MAX_ANSWER: Final = 1 << 20
"""Bytes of the longest answer that is read; one about 64 crops has about 12,000."""

_OFF: Final = 1e-3  # what a row may miss of one, for servers that round their numbers


class ServerFaultError(Exception):
    """What a model server did wrong, in a few words that stay the same while it does."""


def encoded(crops: npt.NDArray[np.uint8]) -> bytes:
    """N x side x side grey crops as the body of a request."""
    body = io.BytesIO()
    np.save(body, np.ascontiguousarray(crops), allow_pickle=False)
    return body.getvalue()


def decoded(body: bytes, model: str, count: int) -> npt.NDArray[np.float32]:
    """The probabilities (count x 8, rows sum to one) of an answer.

    Raises `ServerFaultError` where it is anything else, or comes from another model than `model`.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise ServerFaultError("its answer is not JSON") from None
    if not isinstance(answer, dict) or "probabilities" not in answer:
        raise ServerFaultError("its answer has no probabilities: it is not this agent's handler")
    if answer.get("model") != model:
        raise ServerFaultError(f"it serves the model {_short(answer.get('model'))}, not {model}")
    try:
        rows = np.array(answer["probabilities"], np.float64).reshape(-1, len(EMOTIONS))
    except (ValueError, TypeError, OverflowError):
        raise ServerFaultError("its probabilities are not rows of eight numbers") from None
    sums = rows.sum(axis=1, keepdims=True)
    if len(rows) != count:
        raise ServerFaultError("it answers for more or fewer faces than were sent")
    if not (np.all(rows >= 0) and np.all(np.abs(sums - 1) < _OFF)):  # False for NaN too
        raise ServerFaultError("its probabilities do not sum to one")
    return np.asarray(rows / sums, np.float32)


def refusal(status: int, body: bytes) -> ServerFaultError:
    """The fault that an answer with another status than 200 tells of."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    message = answer.get("message") if isinstance(answer, dict) else None
    return ServerFaultError(f"status {status}" + (f", {_short(message)}" if message else ""))


def _short(value: Any) -> str:
    """Something that a server wrote, as one line that is not too long."""
    text = " ".join(str(value).split())
    return text if len(text) <= 100 else text[:99] + "…"
