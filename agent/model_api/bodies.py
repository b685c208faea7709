"""Takes the bodies of HTTP requests apart as MXNet Model Server does, within limits."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import collapse_rfc2231_value
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from agent.inference.bodies import MOST_PICTURES, media_type
from agent.inference.request import OPTIONS, Part, RequestError

_MOST_PARTS: Final = MOST_PICTURES + len(OPTIONS) + 2
"""Parts of a form that are looked at: more than are read, so that too many are told."""


class TooLargeError(Exception):
    """A request with more bytes than are taken."""


async def parts_of(request: web.Request, most: int) -> list[Part]:
    """The body, or the fields of a form; an empty body is a part without content.

    Raises `TooLargeError` for more than `most` bytes, `RequestError` for a form that is none.
    """
    if (request.content_length or 0) > most:
        raise TooLargeError
    content = bytearray()
    async for piece in request.content.iter_any():
        content += piece
        if len(content) > most:
            raise TooLargeError
    return _parts(bytes(content), request.headers.get("Content-Type", ""))


def _parts(content: bytes, content_type: str) -> list[Part]:
    kind = media_type(content_type)
    if kind == "multipart/form-data":
        return _fields(content, content_type)
    if kind == "application/x-www-form-urlencoded" and content.isascii():
        pairs = parse_qsl(content.decode("ascii"), keep_blank_values=True)
        return [Part(name, value.encode()) for name, value in pairs[:_MOST_PARTS]]
    # curl calls everything a form that it is not told to be anything else.
    return [Part("body", content, content_type)]


def _fields(content: bytes, content_type: str) -> list[Part]:
    """The fields of a multipart form (RFC 7578), their content as it came."""
    head = Message()
    head["Content-Type"] = content_type
    boundary = _parameter(head, "boundary", "content-type")
    if not boundary:
        raise RequestError("body: a form whose content type names no boundary")
    line = b"\r\n--" + boundary.encode("utf-8", "surrogateescape")
    sections = (b"\r\n" + content).split(line, _MOST_PARTS + 1)
    fields, end = sections[1:-1], sections[-1]
    if not fields or not (end.startswith(b"--") or len(fields) == _MOST_PARTS):
        raise RequestError("body: not a multipart form, or one that is cut off")
    return [_field(field) for field in fields]


def _field(field: bytes) -> Part:
    head, blank, content = field.partition(b"\r\n\r\n")
    if not blank:
        raise RequestError("body: a field of the form has no content")
    headers = BytesHeaderParser().parsebytes(head.lstrip(b"\r\n"))
    name = _parameter(headers, "name", "content-disposition")
    return Part(name, content, str(headers["Content-Type"] or ""))


def _parameter(head: Message, name: str, header: str) -> str:
    """A header's parameter, empty where it has none of that name or one that cannot be read."""
    try:
        value = head.get_param(name, header=header)
        return collapse_rfc2231_value(value).rstrip() if value else ""
    except (TypeError, ValueError, LookupError):  # what `email` raises for `a*=b; a*0=c` and worse
        return ""
