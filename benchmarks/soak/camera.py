"""An HTTP camera (MJPEG) that plays the demo footage for ever.  usage: camera.py PORT FOLDER RATE

Prints `READY <port>`. FOLDER holds JPEG files, sent in the order of their names, RATE a second.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path

import cv2
from aiohttp import web

from agent.sources.demo import DemoReel

_QUALITY = 85  # of the JPEG files, as a webcam sends them


def store_footage(folder: Path) -> None:
    """Write the demo's pictures as JPEG files. Raises `AgentError` where the footage is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, shot in enumerate(DemoReel().play()):
        cv2.imwrite(
            str(folder / f"{number:05}.jpg"), shot.image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        )


def _parts(folder: Path) -> list[bytes]:
    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
    pictures = (path.read_bytes() for path in sorted(folder.glob("*.jpg")))
    return [head % len(picture) + picture + b"\r\n" for picture in pictures]


async def _serve(port: int, folder: Path, rate: float) -> None:
    parts = _parts(folder)
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def stream(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(
            headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"}
        )
        with suppress(ConnectionResetError):
            await answer.prepare(request)
            for number in count(round((loop.time() - began) * rate)):
                await answer.write(parts[number % len(parts)])
                await asyncio.sleep(max(0.0, began + (number + 1) / rate - loop.time()))
        return answer

    camera = web.Application()
    camera.router.add_get("/cam.mjpg", stream)
    runner = web.AppRunner(camera, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("READY", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])))
