"""Bytes that are no HTTP, or nearly: the page answers the next client as if nothing had been."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.feedback.web.page_server import Served, serving
from tests.fuzz.edits import EDITS, FILES, Edit, damaged
from tests.patience import PATIENCE

JSON = b"HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
WHOLE = (
    b"GET /api/v1/events?limit=5 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /api/v1/commands/mute " + JSON + b'Content-Length: 12\r\n\r\n{"on": true}',
    b"POST /api/v1/commands/cue " + JSON + CHUNKS,
)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr("agent.feedback.web.access._BURST", 1_000_000)  # nothing is held back
    with serving() as served:
        yield served


@FILES
@given(whole=st.sampled_from(WHOLE), edits=EDITS)
@example(whole=b"\x16\x03\x01\x02\x00\x01", edits=[])  # the first bytes of TLS
def test_bytes_that_are_nearly_http_break_nothing(
    served: Served, caplog: pytest.LogCaptureFixture, whole: bytes, edits: list[Edit]
) -> None:
    caplog.set_level(logging.ERROR)
    with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE) as client:
        client.sendall(damaged(whole, edits))
        client.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(ConnectionResetError):
            while (more := client.recv(65536)) and len(answer) < 1_000_000:
                answer += more
    assert not answer or answer.startswith(b"HTTP/1."), answer[:100]
    assert answer[9:10] != b"5", answer[:200]
    assert served.ask("/api/v1/state").status == 200
    assert not caplog.records
