"""An HTTP camera that sends MJPEG and can misbehave.  usage: mjpeg_camera.py PORT (0 for any)

Prints `READY <port>`. Addresses: `/cam.mjpg`; `/auth.mjpg` (user `watcher`, password `s3cret`);
`/damaged.mjpg` (every third JPEG is rubbish); `/stalling.mjpg` (silent after ten pictures);
`/silent.mjpg` (takes the request and never answers).
The picture is flat grey; its level is the time in tenths of a second, modulo 200.
"""

from __future__ import annotations

import asyncio
import itertools
import os
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


def _part(jpeg: bytes) -> bytes:
    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
    return head + jpeg + b"\r\n"


async def _stream(request: web.Request) -> web.StreamResponse:
    kind = request.path
    if kind == "/auth.mjpg":
        allowed = BasicAuth("watcher", "s3cret").encode()
        if request.headers.get("Authorization") != allowed:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="camera"'})
    answer = web.StreamResponse(
        headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"}
    )
    with suppress(ConnectionResetError):
        await answer.prepare(request)
        for count in itertools.count():
            if kind == "/stalling.mjpg" and count == 10:
                await asyncio.Event().wait()
            rubbish = kind == "/damaged.mjpg" and count % 3 == 2
            await answer.write(_part(os.urandom(500) if rubbish else _jpeg()))
            await asyncio.sleep(_PAUSE)
    return answer


async def _silent(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


async def _serve(port: int) -> None:
    camera = web.Application()
    for name in ("cam", "auth", "damaged", "stalling"):
        camera.router.add_get(f"/{name}.mjpg", _stream)
    camera.router.add_get("/silent.mjpg", _silent)
    runner = web.AppRunner(camera, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("READY", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
