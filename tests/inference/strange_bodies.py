"""Bodies as only a broken or hostile client sends them, the same for the same seed."""

from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np

from agent.inference.request import Part

_TYPES: Final = ("image/jpeg", "image/png", "application/octet-stream", "text/plain", "a/b")
_JSON: Final = "application/json"
_NPY: Final = "application/x-npy"


def strange_bodies(seed: int, count: int, hosted: bool = False) -> list[Part]:
    """Random, truncated and altered pictures, arrays and JSON, each kind alike often.

    `hosted` leaves out the content types that a server takes apart by itself, and the missing one.
    """
    chance = random.Random(seed)
    whole = _whole(chance)
    kinds: list[Callable[[], Part]] = [
        lambda: Part("body", chance.randbytes(chance.choice((0, 1, 3, 100, 4000))), _type(chance)),
        lambda: _body(chance, _cut(chance, chance.choice(whole))),
        lambda: _body(chance, _altered(chance, chance.choice(whole))),
        lambda: _body(chance, _spliced(chance, *chance.sample(whole, 2))),
        lambda: _body(chance, chance.choice(whole)[:20] + chance.randbytes(2000)),
        lambda: Part("body", _huge(chance), _type(chance)),
        lambda: Part("body", _odd_json(chance), _JSON),
        lambda: Part("body", json.dumps(_wrapped(chance, whole)).encode(), _JSON),
        lambda: Part("body", _altered(chance, b'{"images": ["AAAA", "iVBORw0="]}'), _JSON),
        lambda: Part("body", _odd_array(chance), _NPY),
        lambda: Part("body", chance.choice(whole), chance.choice((_JSON, _NPY, "image/webp"))),
    ]
    if not hosted:
        strange = ("", "\0", "application/json\xff", "multipart/form-data", "x" * 5000)
        kinds.append(lambda: Part("\n", chance.choice(whole), chance.choice(strange)))
    return [kinds[number % len(kinds)]() for number in range(count)]


def _type(chance: random.Random) -> str:
    return chance.choice(_TYPES)


def _body(chance: random.Random, content: bytes) -> Part:
    return Part("body", content, _type(chance))


def _whole(chance: random.Random) -> list[bytes]:
    """Small pictures of every kind, and an array: what the strange ones are made from."""
    noise = np.frombuffer(chance.randbytes(40 * 56 * 3), np.uint8).reshape(40, 56, 3)
    smooth = cv2.GaussianBlur(noise, (9, 9), 4)
    kinds = (".jpg", ".png", ".webp", ".bmp", ".gif")
    pictures = [cv2.imencode(kind, smooth)[1].tobytes() for kind in kinds]
    return [*pictures, _saved(np.zeros((2, 48, 48), np.uint8))]


def _saved(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def _cut(chance: random.Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content))]


def _altered(chance: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 4, 32))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _spliced(chance: random.Random, first: bytes, second: bytes) -> bytes:
    return _cut(chance, first) + second[chance.randrange(len(second)) :]


def _huge(chance: random.Random) -> bytes:
    """Headers that declare sides of up to the most that their format can say."""
    wide, high = (chance.choice((0, 1, 65_535, 70_000, 2**31 - 1, 2**32 - 1)) for _ in range(2))
    jpeg = cv2.imencode(".jpg", np.zeros((8, 8), np.uint8))[1].tobytes()
    frame = jpeg.index(b"\xff\xc0")
    size = (high & 0xFFFF).to_bytes(2, "big") + (wide & 0xFFFF).to_bytes(2, "big")
    bitmap = b"BM" + bytes(8) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little")
    sides = wide.to_bytes(4, "little") + high.to_bytes(4, "little")
    webp = b"VP8X" + (10).to_bytes(4, "little") + bytes(4)
    extent = (wide & 0xFFFFFF).to_bytes(3, "little") + (high & 0xFFFFFF).to_bytes(3, "little")
    return chance.choice(
        (
            jpeg[: frame + 5] + size + jpeg[frame + 9 :],
            bitmap + sides + b"\x01\0\x18\0" + bytes(24),
            b"RIFF" + (22).to_bytes(4, "little") + b"WEBP" + webp + extent,
            b"GIF89a" + (wide & 0xFFFF).to_bytes(2, "little") * 2 + bytes(3) + b";",
        )
    )


def _odd_json(chance: random.Random) -> bytes:
    deep = chance.choice((5, 1000, 200_000))
    return chance.choice(
        (
            b"[" * deep,
            b'{"images":' * deep,
            b"9" * chance.choice((10, 100_000)),
            b'{"image": NaN}',
            b'{"image": "\\ud800"}',
            b"\xef\xbb\xbf{}",
            b'{"image": "AAAA", "image": 1e999}',
            json.dumps({"images": [None, 1, [], {}, "", "data:,", "data:x"]}).encode(),
            json.dumps(chance.choice((None, True, "image", [], {"image": {}}))).encode(),
        )
    )


def _wrapped(chance: random.Random, whole: list[bytes]) -> dict[str, Any]:
    texts = [base64.b64encode(_altered(chance, one)).decode() for one in whole]
    return chance.choice(({"image": texts[0]}, {"images": texts}, {"images": texts[0]}))


def _odd_array(chance: random.Random) -> bytes:
    shape = chance.choice(((0,), (1, 48, 48), (65, 48, 48), (2, 48), (1, 1, 48, 48), ()))
    kind = chance.choice((np.uint8, np.int8, np.float64, np.complex64, object))
    content = _saved(np.zeros(shape, kind))
    shapes = (b"(99999999, 48, 48)", b"(-1, 48, 48)", b"(1, 48, 48, )", b"(((((((((((((((")
    return chance.choice(
        (
            content,
            _altered(chance, content),
            content.replace(repr(shape).encode(), chance.choice(shapes)),
        )
    )
