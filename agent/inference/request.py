"""What a host hands in and what it gets back: one item of a batch each, free of any server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from agent.sources.picture_header import kind_of

Format = Literal["faces", "labels"]
CropChoice = Literal["faces", "whole"]

OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "format": ("faces", "labels"),
    "crop": ("faces", "whole"),
}
"""The options by name, with their values; the default comes first."""

_BODY_NAMES: Final = ("body", "data", "image")
"""What hosts call a raw body, and clients a picture in a form."""

CONTENT_TYPE: Final = "application/json"
"""Of every answer."""


class RequestError(Exception):
    """A request that cannot be answered; the message tells the client why, in one line."""


@dataclass(frozen=True)
class Part:
    """One body: that of the request, or a part of a multipart form."""

    name: str
    """The part's name in the form; `body` where there is no form."""
    content: bytes
    content_type: str = ""
    """As the client said it; pictures are recognised by their content."""


@dataclass(frozen=True)
class Request:
    """One item of a batch, as the host took it apart."""

    parts: Sequence[Part]
    """Those called `format` and `crop` are options; `bodies_of` tells which are bodies."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Their names count in any spelling."""


@dataclass(frozen=True)
class Options:
    """What a client may choose."""

    format: Format = "faces"
    """`labels` answers with a list of eight `{label: probability}`, for one face only."""
    crop: CropChoice = "faces"
    """`whole` takes each picture as the crop of a face."""


@dataclass(frozen=True)
class Answer:
    """What the host sends back, as JSON."""

    body: Any
    """Lists, dicts, strings and finite numbers only."""
    status: int = 200

    @property
    def phrase(self) -> str:
        """The reason phrase of the status."""
        return _PHRASES[self.status]


_PHRASES: Final = {200: "OK", 400: "Bad Request", 500: "Internal Server Error"}
_TYPES: Final = {400: "BadRequestException", 500: "InternalServerException"}


def failure(message: str, status: Literal[400, 500] = 400) -> Answer:
    """An error in the shape that MXNet Model Server's own have."""
    return Answer({"code": status, "type": _TYPES[status], "message": message}, status)


def options_of(request: Request) -> Options:
    """The options of a request; a header (`X-Emotion-Format`) wins over a form field, and that
    over the query. Raises `RequestError` for a value that there is not.
    """
    fields = {part.name: _text(part.content) for part in request.parts if part.name in OPTIONS}
    headers = {name.lower(): value for name, value in request.headers.items()}
    chosen: dict[str, str] = {}
    for name, values in OPTIONS.items():
        asked = (headers.get(f"x-emotion-{name}"), fields.get(name), request.query.get(name))
        value = next((text for text in asked if text is not None), values[0]).strip().lower()
        if value not in values:
            raise RequestError(f"{name} is {value[:40]!r}; it can be {' or '.join(values)}")
        chosen[name] = value
    return Options(cast(Format, chosen["format"]), cast(CropChoice, chosen["crop"]))


def bodies_of(request: Request) -> list[Part]:
    """The parts to be read; raises `RequestError` where there is none.

    Some hosts hand in the fields of a query as parts, and forms have fields beside the files: a
    part without a type, a known name or the look of a picture is none of ours.
    """
    bodies = [part for part in request.parts if part.name not in OPTIONS and _is_body(part)]
    if not bodies:
        raise RequestError("no picture in the request")
    return bodies


def _is_body(part: Part) -> bool:
    named = part.name in _BODY_NAMES
    return named or bool(part.content_type) or kind_of(part.content[:12]) is not None


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")
