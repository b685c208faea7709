"""The API as a part of the agent: opened, busy, stepping back, and used by another agent."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

from agent.emotion import manifest as manifests
from agent.errors import AgentError
from agent.inference.request import Part, Request
from agent.model_api.opening import open_model_api
from agent.model_api.worker import Worker
from agent.runtimes.catalogue import find_model
from agent.runtimes.mms.runtime import MmsRuntime
from agent.runtimes.tflite import TfliteRuntime
from agent.settings import ApiSettings, MmsSettings, RuntimeSettings, Settings
from agent.sources.pictures import Picture, decode_picture
from tests.model_api.client import JPEG, Client, Served, serve
from tests.patience import PATIENCE

DemoFile = Callable[[str], Path]

_SETPRIORITY = {"x86_64": 141, "aarch64": 140} if sys.platform == "linux" else {}
_IN_A_SANDBOX = """
import ctypes, struct

# Four instructions of seccomp(2): this call is refused with EPERM, all others are allowed.
code = b"".join(struct.pack("HBBI", *one) for one in (
    (0x20, 0, 0, 0), (0x15, 0, 1, {number}), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)))
kept = ctypes.create_string_buffer(code)

class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, ctypes.byref(Filter(4, ctypes.addressof(kept))), 0, 0) == 0

from agent.model_api.worker import Worker
from agent.settings import Settings

worker = Worker(Settings())
print(worker.model)
worker.close()
"""
"""What systemd's SystemCallFilter= does, for one call."""


def test_more_requests_than_may_wait_are_refused_and_places_come_back(
    worker: Worker, picture: bytes
) -> None:
    head = b"POST /predictions/fer HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
    with ExitStack() as stack:
        api = serve(worker, stack, queue=0)
        with socket.create_connection(("127.0.0.1", api.port)) as slow:
            slow.sendall(head + b"Content-Length: 9\r\n\r\n")
            refused = until(api, picture, 503)
            assert refused.json == {
                "code": 503,
                "type": "ServiceUnavailableException",
                "message": "No worker is available to serve request for model: fer. "
                "Consider increasing job queue size.",
            }
            slow.sendall(b"a picture")
            assert slow.recv(100).startswith(b"HTTP/1.1 400 ")
        assert until(api, picture, 200).json["faces"]
        with socket.create_connection(("127.0.0.1", api.port)) as gone:
            gone.sendall(head + b"Content-Length: 9\r\n\r\n")
            until(api, picture, 503)
        until(api, picture, 200)


def until(api: Client, picture: bytes, status: int) -> Served:
    """Ask until an answer has that status."""
    end = monotonic() + PATIENCE
    while (answer := api.ask("POST", "/predictions/fer", picture, JPEG)).status != status:
        assert monotonic() < end, f"it stays at {answer.status}"
    return answer


def test_many_clients_at_once_all_get_their_answers(
    worker: Worker, picture: bytes, expected: dict[str, Any]
) -> None:
    answers: list[Served] = []
    with ExitStack() as stack:
        api = serve(worker, stack, queue=32)
        ask = threading.Thread
        threads = [
            ask(target=lambda: answers.append(api.ask("POST", "/fer/predict", picture, JPEG)))
            for _ in range(32)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert [answer.json for answer in answers] == [expected] * 32


def test_the_agents_own_runtime_can_use_another_agents_api(api: Client) -> None:
    folder = find_model("fer-compact")
    manifest = manifests.read(folder)
    local = TfliteRuntime(manifest, folder)
    crops = np.random.default_rng(3).integers(0, 256, (9, 48, 48), np.uint8)
    expected = local.predict(crops)
    endpoint = f"http://127.0.0.1:{api.port}"
    settings = MmsSettings(endpoints=(endpoint,), model="fer", deadline_ms=10_000)
    runtime = MmsRuntime(manifest, local, settings)

    given = runtime.predict(crops)

    runtime.close()
    np.testing.assert_allclose(given, expected, atol=1e-6)
    assert runtime.counts.by_server == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_the_worker_steps_back_behind_the_vision_loop(worker: Worker) -> None:
    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    (its,) = (t for t in threading.enumerate() if t.name.startswith("model api worker"))
    assert its.native_id is not None

    assert os.getpriority(os.PRIO_PROCESS, its.native_id) == min(mine + 10, 19)


@pytest.mark.skipif(platform.machine() not in _SETPRIORITY, reason="another processor's numbers")
def test_pictures_are_read_where_a_sandbox_forbids_to_step_back(
    demo_file: DemoFile, shipped_version: str
) -> None:
    demo_file("blazeface-back")
    number = _SETPRIORITY[platform.machine()]
    done = subprocess.run(
        [sys.executable, "-c", _IN_A_SANDBOX.format(number=number)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"fer-compact@{shipped_version}\n"), done.stderr
    assert "the vision loop does not go first: Operation not permitted" in done.stderr


def test_closing_waits_for_one_picture_and_not_for_all_of_a_request(
    demo_file: DemoFile, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo_file("blazeface-back")
    begun = threading.Event()

    def noted(*given: Any, **named: Any) -> Picture:
        begun.set()
        return decode_picture(*given, **named)

    monkeypatch.setattr("agent.inference.service.decode_picture", noted)
    worker = Worker(Settings())
    request = Request([Part(f"{number}", picture, "image/jpeg") for number in range(40)])

    async def closed_meanwhile() -> Any:
        answer = asyncio.create_task(worker.answer(request))
        await asyncio.to_thread(begun.wait, PATIENCE)
        await asyncio.to_thread(worker.close)
        return (await answer).body

    read = asyncio.run(closed_meanwhile())
    assert read[0]["faces"]
    assert read[-1]["message"] == "39: not read: the server is closing"


def test_it_is_off_unless_asked_for() -> None:
    with ExitStack() as stack:
        assert open_model_api(Settings(), stack) is None


def test_where_the_agent_asks_a_server_its_own_api_asks_nobody(
    caplog: pytest.LogCaptureFixture, demo_file: DemoFile, picture: bytes
) -> None:
    demo_file("blazeface-back")
    settings = Settings(
        runtime=RuntimeSettings(kind="mms"), api=ApiSettings(enabled=True, port=0, host="0.0.0.0")
    )
    with caplog.at_level(logging.INFO), ExitStack() as stack:
        address = open_model_api(settings, stack)
        assert address is not None
        port = int(address.split(":")[2].split("/")[0])
        described = Client(port).ask("GET", "/models/fer-compact").json
    assert described["engine"] == "tflite"
    assert f"pictures sent to http://0.0.0.0:{port}/predictions/fer-compact are read" in caplog.text
    assert "api.host 0.0.0.0: whoever reaches it can use the API" in caplog.text


def test_a_taken_port_is_one_line_that_names_the_setting(api: Client) -> None:
    settings = Settings(api=ApiSettings(enabled=True, port=api.port))
    with ExitStack() as stack, pytest.raises(AgentError, match=rf"api\.port {api.port}: ") as told:
        open_model_api(settings, stack)
    assert "\n" not in str(told.value)
