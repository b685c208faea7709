"""`emotion-agent calibrate` at a port where something else answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from agent.cli import main


class _Other(BaseHTTPRequestHandler):
    """A server that takes everything and answers in JSON, as many do."""

    answer: Any = None

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(self.answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Other) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("answer", [{"ok": True}, {"calibration": "yes"}, {"calibration": {}}])
@pytest.mark.parametrize("flags", [[], ["--show"]])
def test_another_server_is_told_in_a_line(
    port: int,
    answer: Any,
    flags: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(_Other, "answer", answer)
    assert (
        main(["calibrate", *flags, "--set", "web.enabled=true", "--set", f"web.port={port}"]) == 1
    )
    told = f"emotion-agent: error: 127.0.0.1:{port} is no agent that can be calibrated\n"
    assert capsys.readouterr().err == told
