"""Takes bodies apart: pictures, JSON with pictures in base64, and crops as a NumPy array.

Everything here comes from a stranger: nothing is decoded before its size is known.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.inference.request import Part, RequestError
from agent.sources.pictures import KINDS, Limits

MOST_PICTURES: Final = 64
"""Pictures, or crops, in one request."""

PICTURE_LIMITS: Final = Limits(in_stripes=100_000_000, whole=33_000_000)
"""Of a picture in a request: 100 MB of memory, about a second of decoding."""

CROPS_TYPE: Final = "application/x-npy"
"""Content type of crops: a `.npy` file of N x side x side uint8, as `numpy.save` writes it."""

_NPY: Final = re.compile(
    rb"\x93NUMPY\x01\x00..\{\s*'descr':\s*'\|u1',\s*'fortran_order':\s*False,"
    rb"\s*'shape':\s*\(\s*(\d{1,4}),\s*(\d{1,4}),\s*(\d{1,4}),?\s*\),?\s*\}\s*\Z",
    re.DOTALL,
)
"""The whole header of such a file (numpy.lib.format, version 1.0)."""


class Encoded(NamedTuple):
    """A picture that is not decoded yet."""

    name: str
    """What messages call it."""
    content: bytes


class Pictures(NamedTuple):
    """The pictures of one request."""

    pictures: list[Encoded | RequestError]
    """Those of a list that are no picture at all are errors of their own."""
    single: bool
    """Whether one picture was asked about, rather than a list that may have one."""


def media_type(content_type: str) -> str:
    """`application/json` of `Application/JSON; charset=utf-8`."""
    return content_type.partition(";")[0].strip().lower()


def crops_in(bodies: Sequence[Part], side: int) -> npt.NDArray[np.uint8] | None:
    """The crops, N x side x side, where the body is of that kind; None where it is not.

    Raises `RequestError` for a file of another shape or kind, and for crops beside other bodies.
    """
    kinds = [media_type(part.content_type) == CROPS_TYPE for part in bodies]
    if not any(kinds):
        return None
    if len(bodies) > 1:
        raise RequestError(f"{CROPS_TYPE} must be the only body of a request")
    return _array(bodies[0].content, side)


def pictures_in(bodies: Sequence[Part]) -> Pictures:
    """The pictures of a request without crops; raises `RequestError` for one without any."""
    if len(bodies) > MOST_PICTURES:
        raise _too_many(len(bodies))
    if len(bodies) == 1 and media_type(bodies[0].content_type) == "application/json":
        return _from_json(bodies[0])
    return Pictures([_raw(part) for part in bodies], single=len(bodies) == 1)


def _raw(part: Part) -> Encoded | RequestError:
    if not part.content:
        return RequestError(f"{part.name}: empty, no picture ({KINDS})")
    return Encoded(part.name, part.content)


def _from_json(part: Part) -> Pictures:
    """`{"image": "<base64>"}` or `{"images": ["<base64>", ...]}`."""
    try:
        value = json.loads(part.content)
    except (ValueError, RecursionError):
        raise RequestError(f"{part.name}: not valid JSON") from None
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in _JSON_KEYS:
        raise RequestError(f"{part.name}: {_JSON_SHAPE}")
    if "image" in value:
        return Pictures([_from_base64("image", value["image"])], single=True)
    images = value["images"]
    if not isinstance(images, list):
        raise RequestError(f"{part.name}: {_JSON_SHAPE}")
    if len(images) > MOST_PICTURES:
        raise _too_many(len(images))
    named = [_from_base64(f"images[{at}]", image) for at, image in enumerate(images)]
    return Pictures(named, single=False)


_JSON_KEYS: Final = ("image", "images")
_JSON_SHAPE: Final = 'expected {"image": "<base64>"} or {"images": ["<base64>", ...]}'


def _from_base64(name: str, value: Any) -> Encoded | RequestError:
    """A picture in base64, with or without line ends and the prefix of a `data:` URL."""
    if not isinstance(value, str):
        return RequestError(f"{name}: expected a picture in base64")
    text = value.partition(",")[2] if value.startswith("data:") else value
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return RequestError(f"{name}: not valid base64")
    return _raw(Part(name, content))


def _array(content: bytes, side: int) -> npt.NDArray[np.uint8]:
    """The array in a `.npy` file; NumPy's own reader would believe any header."""
    end = 10 + int.from_bytes(content[8:10], "little")
    header = _NPY.match(content[:end])
    if header is None:
        raise RequestError(
            f"body: not a NumPy file (.npy, version 1.0) of N x {side} x {side} uint8"
        )
    shape = tuple(map(int, header.groups()))
    if shape[1:] != (side, side) or shape[0] > MOST_PICTURES:
        raise RequestError(
            f"body: crops are {' x '.join(map(str, shape))}, expected N x {side} x {side} with "
            f"at most {MOST_PICTURES} crops"
        )
    if len(content) - end != shape[0] * side * side:
        raise RequestError("body: the NumPy file is cut off, or longer than its header says")
    return np.frombuffer(content, np.uint8, offset=end).reshape(shape)


def _too_many(number: int) -> RequestError:
    return RequestError(f"{number} pictures in one request; at most {MOST_PICTURES} are read")
