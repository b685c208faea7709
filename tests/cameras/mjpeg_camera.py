"""An HTTP camera that sends MJPEG and can misbehave.  usage: mjpeg_camera.py PORT (0 for any)

Prints `READY <port>`. Addresses: `/cam.mjpg`; `/unmeasured.mjpg` (parts without their length);
`/moved.mjpg` (a redirection); `/auth.mjpg` and `/digest.mjpg` (user `watcher`, password `s3cret`);
`/damaged.mjpg` (every third JPEG is rubbish); `/tables.mjpg` (the same, but of broken tables);
`/stalling.mjpg` (silent after ten pictures); `/silent.mjpg` (takes the request and never answers);
`/drip.mjpg` (a byte now and then); `/huge.mjpg` (announces 10 GB); `/undecodable.mjpg` (all of
broken tables); `/padded.mjpg` (zeros before the end of each JPEG).
The picture is flat grey; its level is the time in tenths of a second, modulo 200.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import re
import sys
import time
from contextlib import suppress

import cv2
import numpy as np
from aiohttp import BasicAuth, web

_PAUSE = 1 / 25


def _jpeg() -> bytes:
    level = int(time.time() * 10) % 200
    return bytes(cv2.imencode(".jpg", np.full((120, 160, 3), level, np.uint8))[1])


def _part(jpeg: bytes, measured: bool = True) -> bytes:
    length = b"Content-Length: %d\r\n" % len(jpeg) if measured else b""
    return b"--frame\r\nContent-Type: image/jpeg\r\n" + length + b"\r\n" + jpeg + b"\r\n"


def _with_broken_tables(jpeg: bytes) -> bytes:
    at = jpeg.index(b"\xff\xc4") + 5
    return jpeg[:at] + 16 * b"\xff" + jpeg[at + 16 :]


def _content(kind: str, count: int) -> bytes:
    third = count % 3 == 2
    if kind == "/damaged.mjpg" and third:
        return os.urandom(500)
    if kind == "/padded.mjpg":
        return _jpeg()[:-2] + bytes(16) + b"\xff\xd9"
    if kind == "/undecodable.mjpg" or (kind == "/tables.mjpg" and third):
        return _with_broken_tables(_jpeg())
    return _jpeg()


def _challenge(request: web.Request) -> str | None:
    """What to ask of who may not see the pictures yet."""
    given = request.headers.get("Authorization", "")
    if request.path == "/auth.mjpg" and given != BasicAuth("watcher", "s3cret").encode():
        return 'Basic realm="camera"'
    if request.path == "/digest.mjpg":
        told = dict(re.findall(r'(\w+)="?([^",]*)', given))
        ours = _md5("watcher:camera:s3cret"), _md5(f"GET:{request.path}")
        between = (told.get(key, "") for key in ("nonce", "nc", "cnonce", "qop"))
        if told.get("response") != _md5(":".join((ours[0], *between, ours[1]))):
            return 'Digest realm="camera", nonce="5ca1ab1e", qop="auth", algorithm=MD5'
    return None


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()  # RFC 2617


async def _stream(request: web.Request) -> web.StreamResponse:
    kind = request.path
    challenge = _challenge(request)
    if challenge is not None:
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})
    answer = web.StreamResponse(
        headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"}
    )
    with suppress(ConnectionResetError):
        await answer.prepare(request)
        for count in itertools.count():
            if kind == "/stalling.mjpg" and count == 10:
                await asyncio.Event().wait()
            await answer.write(_part(_content(kind, count), kind != "/unmeasured.mjpg"))
            await asyncio.sleep(_PAUSE)
    return answer


async def _endless(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace"})
    with suppress(ConnectionResetError):
        await answer.prepare(request)
        if request.path == "/huge.mjpg":
            await answer.write(b"--frame\r\nContent-Length: 10000000000\r\n\r\n")
        while True:
            await answer.write(b"--frame\r\nX")
            await asyncio.sleep(_PAUSE)
    return answer


async def _moved(request: web.Request) -> web.Response:
    raise web.HTTPFound("/cam.mjpg")


async def _silent(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


async def _serve(port: int) -> None:
    camera = web.Application()
    for name in (
        "cam",
        "unmeasured",
        "auth",
        "digest",
        "damaged",
        "tables",
        "undecodable",
        "padded",
        "stalling",
    ):
        camera.router.add_get(f"/{name}.mjpg", _stream)
    for name in ("drip", "huge"):
        camera.router.add_get(f"/{name}.mjpg", _endless)
    camera.router.add_get("/moved.mjpg", _moved)
    camera.router.add_get("/silent.mjpg", _silent)
    runner = web.AppRunner(camera, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("READY", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
