"""The custom service of the archive: MXNet Model Server 1.0 and 1.1, and TorchServe, load it as is.

A function, not a class: the servers swallow what a class raises while it is loaded. They answer a
whole batch with errors, and start the worker again, when a handler raises later, so that `handle`
never does; each item of a batch gets a status of its own.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import cv2

from agent.emotion import manifest as manifests
from agent.faces.blazeface import BlazeFace
from agent.inference.request import CONTENT_TYPE, Answer, Part, Request, failure
from agent.inference.service import Inference
from agent.runtimes.tflite import TfliteRuntime
from agent.settings import FacesSettings

MODEL_FOLDER: Final = "model"
"""Inside the archive: the manifest and the int8 file."""
DETECTOR_FILE: Final = "detector/blazeface-back.tflite"
"""Inside the archive."""

_PIECE: Final = 512
_HEAD: Final = 4 + 4 + len("Prediction success")
"""Bytes before a batch's first answer: a code, and a text with its length."""
_HEADERS: Final = 4 + 4 + len("content-type") + 4 + len(CONTENT_TYPE)
"""Bytes of an answer's headers: their number, and name and value of the only one."""

logger = logging.getLogger(__name__)


class Context(Protocol):
    """What is used of the servers' context; `i` is the place in the batch."""

    system_properties: Mapping[str, Any]

    def get_request_id(self, idx: int) -> str | None: ...

    def get_all_request_header(self, idx: int) -> Mapping[str, Any]: ...

    def set_response_status(self, code: int, phrase: str, idx: int) -> None: ...

    def set_response_content_type(self, idx: int, value: str) -> None: ...


_loaded: list[Inference] = []
"""The one of this worker process, once it is loaded."""


def handle(data: Sequence[Mapping[str, Any]] | None, context: Context) -> list[str] | None:
    """Answer a batch with one JSON text for each item; without data, load the model.

    Raises `AgentError` only while loading, for an archive with a part that is missing or damaged.
    """
    if not _loaded:
        _loaded.append(load(Path(context.system_properties["model_dir"])))
    if data is None:
        return None
    answers = _answers(data, context)
    for place, answer in enumerate(answers):
        context.set_response_status(answer.status, answer.phrase, place)
        context.set_response_content_type(place, CONTENT_TYPE)
    texts = [json.dumps(answer.body) + "\n" for answer in answers]
    if context.system_properties.get("batch_size", 1) == 1:
        return texts
    names = [len(context.get_request_id(place) or "") for place in range(len(texts))]
    return padded(texts, names, [len(answer.phrase) for answer in answers])


def padded(texts: Sequence[str], names: Sequence[int], phrases: Sequence[int]) -> list[str]:
    """The answers of a batch (ASCII), with spaces behind those that need them.

    The servers' Java side reads a batch in pieces of some power of two from 512 bytes on, and takes
    the worker for dead where a piece ends inside an answer's status or headers: CodecUtils.readMap
    does not wait for the rest. So none of these may reach over a multiple of 512, and no batch may
    be so short that the pieces become smaller. `names` and `phrases` are the lengths of each
    request's id and reason phrase.
    """
    done: list[str] = []
    at = _HEAD
    for text, name, phrase in zip(texts, names, phrases, strict=True):
        first = at + 4 + name + 4 + len(CONTENT_TYPE)  # of the status
        last = first + 4 + 4 + phrase + _HEADERS - 1
        if done and (first // _PIECE != last // _PIECE or not first % _PIECE):
            gap = (1 - first) % _PIECE
            done[-1] += " " * gap
            last += gap
        done.append(text)
        at = last + 1 + 4 + len(text)
    if done:
        done[-1] += " " * max(0, _PIECE + 1 - at)
    return done


def load(folder: Path) -> Inference:
    """Model and detector of an unpacked archive, on one thread: a server has several workers."""
    cv2.setNumThreads(1)
    manifest = manifests.read(folder / MODEL_FOLDER)
    runtime = TfliteRuntime(manifest, folder / MODEL_FOLDER, "int8", threads=1)
    detector = BlazeFace(folder / DETECTOR_FILE)
    return Inference(detector, runtime, manifest, FacesSettings())


def _answers(data: Sequence[Mapping[str, Any]], context: Context) -> list[Answer]:
    try:
        requests = [
            _request(item, context.get_all_request_header(place)) for place, item in enumerate(data)
        ]
        return _loaded[0].answer(requests)
    except Exception:
        logger.exception("a batch of %d could not be answered", len(data))
        return [failure("the request could not be read", 500) for _ in data]


def _request(item: Mapping[str, Any], headers: Mapping[str, Any]) -> Request:
    """An item of a batch. Among the headers stand the types of the parts, in the form
    `{"body": {"content-type": "image/jpeg"}}`.
    """
    plain = {name: value for name, value in headers.items() if isinstance(value, str)}
    whole = next((value for name, value in plain.items() if name.lower() == "content-type"), "")
    parts = []
    for name, value in item.items():
        described = headers.get(name)
        own = described.get("content-type", "") if isinstance(described, Mapping) else ""
        kind = own or (whole if name == "body" else "")
        parts.append(Part(name, _content(value), kind))
    return Request(parts, headers=plain)


def _content(value: Any) -> bytes:
    """The bytes of a part; a server that decodes requests gives text, or what JSON stands for."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    return (value if isinstance(value, str) else json.dumps(value)).encode()
