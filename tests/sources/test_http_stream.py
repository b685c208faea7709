"""Streams by HTTP from servers that encrypt, mislead or dawdle."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pytest

from agent.errors import SourceError
from agent.settings import SourceSettings
from agent.sources.cameras import open_stream
from agent.sources.http_stream import open_http
from agent.sources.jpeg import Jpeg

WriteFilm = Callable[..., Path]
Answer = Callable[[BaseHTTPRequestHandler], None]
TLS_HANDSHAKE: Final = b"\x16"


@contextmanager
def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server on 127.0.0.1 that answers every GET so, encrypted where it is asked so; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        def get_request(self) -> tuple[socket.socket, Any]:
            line, address = super().get_request()
            if tls is not None and line.recv(1, socket.MSG_PEEK) == TLS_HANDSHAKE:
                line = tls.wrap_socket(line, server_side=True)
            return line, address

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


def two_pictures(request: BaseHTTPRequestHandler) -> None:
    jpeg = bytes(cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1])
    part = b"--cut\r\nContent-Length: %d\r\n\r\n" % len(jpeg) + jpeg + b"\r\n"
    request.send_response(200)
    request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cut")
    request.end_headers()
    request.wfile.write(part + part)


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """What a camera shows that has made its own."""
    paths = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=cam"
    command = [*make.split(), "-out", str(paths[0]), "-keyout", str(paths[1])]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*paths)
    return context


def test_a_camera_with_its_own_certificate_is_read(certificate: ssl.SSLContext) -> None:
    with serving(two_pictures, certificate) as port:
        address = f"https://127.0.0.1:{port}/"
        camera = open_stream("cam", address, SourceSettings(uri=address))
        pictures = [camera.read() for _ in range(3)]
        camera.release()
    assert [type(picture) for picture in pictures] == [Jpeg, Jpeg, type(None)]


def test_a_film_behind_an_http_address_goes_to_ffmpeg(write_film: WriteFilm) -> None:
    content = write_film("film.avi", 30).read_bytes()

    def film(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "video/x-msvideo")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    with serving(film) as port:
        address = f"http://127.0.0.1:{port}/film.avi"
        camera = open_stream("cam", address, SourceSettings(uri=address))
        assert isinstance(camera.read(), np.ndarray)
        camera.release()


@pytest.mark.parametrize(
    "target", ["file:///etc/hostname", "ftp://127.0.0.1/", "http://u:p@127.0.0.1:1/", "/"]
)
def test_no_redirection_leads_to_files_or_round_in_circles(target: str) -> None:
    asked = []

    def elsewhere(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        request.send_response(308)
        request.send_header("Location", target)
        request.end_headers()

    with serving(elsewhere) as port:
        assert open_http("cam", f"http://127.0.0.1:{port}/", 5.0) is None
    assert (1 < len(asked) < 12) if target == "/" else (len(asked) == 1)


def test_a_server_that_dawdles_in_its_header_is_given_up_in_time() -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        for _ in range(100):
            request.wfile.write(b"y")
            time.sleep(0.02)

    began = time.monotonic()
    with serving(drip) as port, pytest.raises(SourceError, match=r"cam: no answer within 0\.2 s"):
        open_http("cam", f"http://127.0.0.1:{port}/", 0.2)
    assert time.monotonic() - began < 2.0


def test_a_login_goes_to_its_own_host_alone() -> None:
    seen = []

    def stranger(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers.get("Authorization"))
        request.send_response(401)
        request.send_header("WWW-Authenticate", 'Basic realm="camera"')
        request.end_headers()

    with serving(stranger) as port:

        def elsewhere(request: BaseHTTPRequestHandler) -> None:
            request.send_response(302)
            request.send_header("Location", f"http://127.0.0.1:{port}/")
            request.end_headers()

        with serving(elsewhere) as other, pytest.raises(SourceError, match="401 Unauthorized"):
            open_http("cam", f"http://watcher:s3cret@127.0.0.1:{other}/", 5.0)
    assert seen == [None]


def asking(seen: list[str | None], *ways: str) -> Answer:
    """Lets nobody in, and keeps how they tried."""

    def refuse(request: BaseHTTPRequestHandler) -> None:
        seen.append((request.headers.get("Authorization") or "none").partition(" ")[0])
        request.send_response(401)
        for way in ways:
            request.send_header("WWW-Authenticate", way)
        request.end_headers()

    return refuse


@pytest.mark.parametrize("other", ['Basic realm="camera"', 'Digest realm="c", algorithm=SHA-256'])
@pytest.mark.parametrize("first", [True, False])
def test_a_wrong_password_is_tried_once_and_not_in_the_open(other: str, first: bool) -> None:
    digest = 'Digest realm="camera", nonce="5ca1ab1e", qop="auth", algorithm=MD5'
    seen: list[str | None] = []
    with (
        serving(asking(seen, *((digest, other) if first else (other, digest)))) as port,
        pytest.raises(SourceError, match="401 Unauthorized"),
    ):
        open_http("cam", f"http://watcher:wrong@127.0.0.1:{port}/", 5.0)
    assert seen == ["none", "Digest"]


def test_a_used_up_nonce_is_no_wrong_password() -> None:
    stale = 'Digest realm="camera", nonce="5ca1ab1e", qop="auth", stale=true'
    seen: list[str | None] = []
    with serving(asking(seen, stale)) as port, pytest.raises(SourceError):
        open_http("cam", f"http://watcher:s3cret@127.0.0.1:{port}/", 5.0)
    assert seen[:3] == ["none", "Digest", "Digest"]
    assert len(seen) < 10


def test_a_garbled_way_to_log_in_is_left_to_ffmpeg() -> None:
    with serving(asking([], 'Digest realm=, nonce="1"')) as port:
        assert open_http("cam", f"http://watcher:s3cret@127.0.0.1:{port}/", 5.0) is None


def test_a_login_for_https_is_not_sent_by_http(certificate: ssl.SSLContext) -> None:
    seen: list[str | None] = []
    refuse = asking(seen, 'Basic realm="camera"')

    def unseal(request: BaseHTTPRequestHandler) -> None:
        if not isinstance(request.connection, ssl.SSLSocket):
            return refuse(request)
        request.send_response(302)
        request.send_header("Location", f"http://{request.headers['Host']}/")
        return request.end_headers()

    with serving(unseal, certificate) as port, pytest.raises(SourceError, match="401"):
        open_http("cam", f"https://watcher:s3cret@127.0.0.1:{port}/", 5.0)
    assert seen == ["none"]


@pytest.mark.parametrize("address", ["http://127.0.0.1:x/", "http://[::1/", "http://a b/"])
def test_what_is_no_address_here_is_left_to_ffmpeg(address: str) -> None:
    assert open_http("cam", address, 1.0) is None


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, ExitStack() as stack:
        for _ in range(3):  # what waits there already; Linux answers nobody else
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        port = stack.enter_context(serving(two_pictures))
        places = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", place)
            for place in (deaf.getsockname(), ("127.0.0.1", port))
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: places)
        began = time.monotonic()
        stream = open_http("cam", "http://two-addresses/", 1.0)
        assert time.monotonic() - began >= 0.5
    assert stream is not None
    stream.close()


def test_nobody_there_is_told_with_the_reason() -> None:
    with serving(two_pictures) as port:
        pass
    with pytest.raises(SourceError, match=r"cam: cannot be reached \(Connection refused\)"):
        open_http("cam", f"http://127.0.0.1:{port}/", 1.0)
