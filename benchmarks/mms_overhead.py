"""What MXNet Model Server costs: a prediction over HTTP against the same in this process.

One of each in turn, so that a busy machine slows both alike. The medians are compared, and the
tenth percentiles, which other work on the machine disturbs least.

    python benchmarks/mms_overhead.py build/mms/fer-compact.mar --environment build/servers/mms
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import cv2
import numpy as np

from agent import downloads
from agent.errors import AgentError
from agent.inference.opening import open_inference
from agent.inference.request import Part, Request
from agent.inference.service import Inference
from agent.settings import Settings
from handlers.mms.installation import installed_in
from handlers.mms.server import HOST, ModelServer, Plan

TARGETS: Final = {"64x64": 1.8, "640x480": 1.4}
"""The most that a prediction over HTTP may take, in times of one in process."""

Call = Callable[[], Any]


def main() -> int:
    """Measure and print the table; returns 1 where the server cannot be started."""
    arguments = _arguments()
    try:
        with tempfile.TemporaryDirectory() as folder:
            plan = Plan(arguments.archive, arguments.port, arguments.port + 1)
            installation = installed_in(arguments.environment)
            with ModelServer(installation, plan, Path(folder, "server.log")) as server:
                print(f"{installation.package} {installation.version}, one worker, keep-alive")
                print(_ROW.format("picture", "faces", "in process", "over HTTP", "ratio", "target"))
                for name, picture in _pictures().items():
                    print(_measured(name, picture, server, arguments.requests), flush=True)
    except AgentError as error:
        print(f"mms_overhead: error: {error}", file=sys.stderr)
        return 1
    print("milliseconds: median / tenth percentile")
    return 0


_ROW: Final = "{:<18} {:>5} {:>15} {:>15} {:>13} {:>7}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("archive", type=Path, metavar="FILE.mar")
    add("--environment", type=Path, default=Path("build/servers/mms"), help="default: %(default)s")
    add("--port", type=int, default=18380, help="and the next one (default: %(default)s)")
    add("--requests", type=int, default=500, help="of each kind (default: %(default)s)")
    return parser.parse_args()


def _pictures() -> dict[str, bytes]:
    """A face as JPEG in both sizes."""
    whole = cv2.imread(str(downloads.require("astronaut.png")))
    assert whole is not None
    face = cv2.resize(whole[30:230, 130:330], (64, 64), interpolation=cv2.INTER_AREA)
    scene = cv2.copyMakeBorder(whole[:480], 0, 0, 64, 64, cv2.BORDER_REPLICATE)
    sizes = {"64x64": face, "640x480": scene}
    return {name: cv2.imencode(".jpg", image)[1].tobytes() for name, image in sizes.items()}


def _measured(name: str, picture: bytes, server: ModelServer, requests: int) -> str:
    inference = open_inference(Settings())
    connection = http.client.HTTPConnection(HOST, server.plan.port, timeout=60)

    def own() -> str:
        return _in_process(inference, picture)

    def served() -> bytes:
        return _over_http(connection, server.model, picture)

    answer = json.loads(own())
    assert answer == json.loads(served()), "the server answers otherwise than the agent"
    pairs = np.array([(_milliseconds(own), _milliseconds(served)) for _ in range(requests)])
    connection.close()
    middle, low = np.percentile(pairs, (50, 10), axis=0)
    return _ROW.format(
        f"{name}, {len(picture) / 1000:.1f} kB",
        len(answer["faces"]),
        f"{middle[0]:.2f} / {low[0]:.2f}",
        f"{middle[1]:.2f} / {low[1]:.2f}",
        f"{middle[1] / middle[0]:.2f} / {low[1] / low[0]:.2f}",
        f"{TARGETS[name]:.1f}",
    )


def _milliseconds(call: Call) -> float:
    began = perf_counter()
    call()
    return 1000 * (perf_counter() - began)


def _in_process(inference: Inference, picture: bytes) -> str:
    (answer,) = inference.answer([Request((Part("body", picture),))])
    return json.dumps(answer.body)


def _over_http(connection: http.client.HTTPConnection, model: str, picture: bytes) -> bytes:
    connection.request("POST", f"/predictions/{model}", picture, {"Content-Type": "image/jpeg"})
    return connection.getresponse().read()


if __name__ == "__main__":
    sys.exit(main())
