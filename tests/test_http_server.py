"""A server in a thread of its own: its address, what its handlers may do to it, and its end."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import ssl
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPConnection

import pytest
from aiohttp import web

from agent.errors import AgentError
from agent.http_connections import MOST_OF_ONE
from agent.http_server import AddressTakenError, HttpServer
from tests.patience import PATIENCE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def serve(stack: ExitStack, handler: Handler, host: str = "127.0.0.1", port: int = 0) -> HttpServer:
    application = web.Application()
    application.router.add_get("/", handler)
    server = HttpServer(application, host, port, "web")
    stack.callback(server.close)
    return server


async def thread_name(request: web.Request) -> web.Response:
    return web.Response(text=threading.current_thread().name)


def get(server: HttpServer) -> tuple[int, str]:
    connection = HTTPConnection(server.host, server.port, timeout=PATIENCE)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("http ")]


def test_it_answers_from_a_thread_of_its_own_on_a_port_of_its_own(stack: ExitStack) -> None:
    first, second = serve(stack, thread_name), serve(stack, thread_name)
    assert first.port != second.port
    assert get(first) == get(second) == (200, "http web")
    assert first.address == f"127.0.0.1:{first.port}"


def test_a_closed_server_gives_back_its_port_and_its_thread(stack: ExitStack) -> None:
    server = serve(stack, thread_name)
    server.close()
    server.close()
    assert threads() == []
    with pytest.raises(ConnectionRefusedError):
        get(server)
    again = serve(stack, thread_name, port=server.port)
    assert get(again)[0] == 200


def test_a_closed_server_leaves_no_application_behind(stack: ExitStack) -> None:
    application = web.Application()
    application.router.add_get("/", thread_name)
    remembered = weakref.ref(application)
    server = HttpServer(application, "127.0.0.1", 0, "web")
    stack.callback(server.close)
    assert get(server)[0] == 200
    server.close()
    stack.pop_all()
    del application, server
    gc.collect()
    assert remembered() is None


@pytest.mark.parametrize("asked", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n"])
def test_what_is_no_http_is_one_quiet_line(
    stack: ExitStack, caplog: pytest.LogCaptureFixture, asked: bytes
) -> None:
    caplog.set_level(logging.DEBUG, "agent")
    server = serve(stack, thread_name)
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in client.recv(9999)
        client.sendall(asked)
        assert b"400 Bad Request" in client.recv(9999)
    (told,) = [record for record in caplog.records if "no HTTP" in record.getMessage()]
    assert (told.levelname, told.exc_info) == ("DEBUG", None)
    assert "\n" not in told.getMessage()
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_who_never_begins_the_tls_handshake_is_hung_up_on(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.http_server.SILENCE", 0.1)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = HttpServer(web.Application(), "127.0.0.1", 0, "web", tls)
    stack.callback(server.close)
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as client:
        assert client.recv(1) == b""


def test_a_tls_handshake_that_is_under_way_ends_with_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = HttpServer(web.Application(), "127.0.0.1", 0, "web", tls)
    at = (server.host, server.port)
    with socket.create_connection(at, timeout=PATIENCE) as client:
        with socket.create_connection(at, timeout=PATIENCE) as later, pytest.raises(ssl.SSLError):
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(later, server_hostname="localhost")
        server.close()  # it has taken both, as one by one they are
        assert client.recv(1) == b""
    gc.collect()
    assert caplog.records == []


def test_a_taken_port_is_one_line_that_names_the_setting(stack: ExitStack) -> None:
    port = serve(stack, thread_name).port
    with pytest.raises(AddressTakenError, match=rf"web\.port {port}: another program") as told:
        serve(stack, thread_name, port=port)
    assert "\n" not in str(told.value)
    assert len(threads()) == 1


@pytest.mark.parametrize("host", ["192.0.2.7", "no-such-host.invalid"])
def test_an_address_that_is_not_here_is_one_line_that_names_the_setting(
    stack: ExitStack, host: str
) -> None:
    with pytest.raises(AgentError, match=rf"web\.host '{host}': cannot listen") as told:
        serve(stack, thread_name, host)
    assert "\n" not in str(told.value)
    assert threads() == []


def test_a_failing_handler_costs_one_answer_and_is_logged(
    stack: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(request: web.Request) -> web.Response:
        raise ValueError("a mistake of the handler")

    server = serve(stack, fail)
    assert get(server)[0] == 500
    assert get(server)[0] == 500
    assert caplog.text.count("ValueError: a mistake of the handler") == 2


def test_a_handler_is_cancelled_when_its_client_goes(stack: ExitStack) -> None:
    began, ended = threading.Event(), threading.Event()

    async def wait(request: web.Request) -> web.Response:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return web.Response()

    server = serve(stack, wait)
    with socket.create_connection((server.host, server.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert began.wait(PATIENCE)
        assert not ended.is_set()
    assert ended.wait(PATIENCE)


def test_endless_answers_do_not_keep_it_from_closing(stack: ExitStack) -> None:
    began = threading.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        async for piece in _pieces():
            await answer.write(piece)
            began.set()
        return answer

    server = serve(stack, stream)
    with socket.create_connection((server.host, server.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert began.wait(PATIENCE)
        server.close()
        assert threads() == []


def test_silent_and_surplus_connections_are_closed_and_others_served(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.http_connections.SILENCE", 1.0)
    server = serve(stack, thread_name)
    at = (server.host, server.port)
    asked = stack.enter_context(socket.create_connection(at))
    asked.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"200 OK" in asked.recv(9999)
    silent = [stack.enter_context(socket.create_connection(at)) for _ in range(MOST_OF_ONE + 50)]
    silent[0].sendall(b"GET / HT")
    for one in (*silent[-40:], silent[0]):
        one.settimeout(PATIENCE)
        with suppress(ConnectionResetError):
            assert one.recv(1) == b""  # its end
    asked.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"200 OK" in asked.recv(9999)
    assert get(server)[0] == 200


async def _pieces() -> AsyncIterator[bytes]:
    while True:
        yield b"piece\n"
        await asyncio.sleep(0.01)


def test_a_handler_that_blocks_the_thread_does_not_block_closing(
    stack: ExitStack, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.http_server._PATIENCE", 0.2)
    began, go_on = threading.Event(), threading.Event()

    async def block(request: web.Request) -> web.Response:
        began.set()
        go_on.wait()
        return web.Response()

    server = serve(stack, block)
    with socket.create_connection((server.host, server.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert began.wait(PATIENCE)
        server.close()
        assert "http web does not end" in caplog.text
        (thread,) = (one for one in threading.enumerate() if one.name == "http web")
        go_on.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
