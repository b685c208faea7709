"""Who is let in, and who is not: strangers, foreign sites, foreign names, floods."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from agent.control import Control
from agent.errors import AgentError
from agent.feedback.web.credentials import SESSION_SECONDS, Credentials, hashed, new_token
from agent.feedback.web.limits import RateLimit
from agent.feedback.web.sink import WebSink
from agent.settings import Settings, WebSettings
from agent.status import StatusBoard
from tests.feedback.web.page_server import COMMAND, Reply, Served, serving, until
from tests.patience import PATIENCE

PASSWORD = "correct horse"
TOKEN = "t" * 32


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def password_hash() -> str:
    return hashed(PASSWORD)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture
def guarded(password_hash: str) -> Iterator[Served]:
    with serving(token=TOKEN, password_hash=password_hash) as served:
        yield served


def log_in(served: Served, password: str) -> Reply:
    return served.command("/api/v1/login", {"password": password})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "board.lan"])
def test_an_address_that_others_reach_needs_a_secret(host: str) -> None:
    settings = Settings(web=WebSettings(host=host, port=0))
    with pytest.raises(AgentError, match=rf"web\.host '{host}'.*web\.password_hash") as told:
        WebSink(settings, Control(), StatusBoard(), [])
    assert "\n" not in str(told.value)


def test_with_a_secret_it_listens_on_all_addresses(password_hash: str) -> None:
    with serving(host="0.0.0.0", password_hash=password_hash) as served:
        assert served.ask("/api/v1/state").status == 401
        assert served.ask("/healthz").status == 200


@pytest.mark.parametrize("path", ["/api/v1/state", "/api/v1/events/stream", "/metrics", "/nope"])
def test_strangers_see_nothing(guarded: Served, path: str) -> None:
    reply = guarded.ask(path)
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert guarded.ask("/").headers["Location"] == "/login"
    assert guarded.command("pause", {"on": True}).status == 401
    assert not guarded.control.paused


def test_a_token_opens_and_a_wrong_one_does_not(guarded: Served) -> None:
    assert guarded.ask("/api/v1/state", Authorization=f"Bearer {TOKEN}").status == 200
    for wrong in (f"Bearer {TOKEN}x", "Bearer ", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"):
        assert guarded.ask("/api/v1/state", Authorization=wrong).status == 401


def test_a_token_needs_no_further_header_for_commands(guarded: Served) -> None:
    json = {"Content_Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    path = "/api/v1/commands/pause"
    assert guarded.ask(path, "POST", b'{"on": true}', **json).status == 200
    assert guarded.control.paused


def test_a_login_gives_a_cookie_that_scripts_and_foreign_sites_do_not_get(
    guarded: Served,
) -> None:
    reply = log_in(guarded, PASSWORD)
    cookie, *flags = reply.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(flags)
    assert "Secure" not in flags
    assert guarded.ask("/api/v1/state", Cookie=cookie).status == 200
    assert guarded.command("mute", {"on": True}, Cookie=cookie).status == 200
    for damaged in (cookie[:-1], cookie + "x", cookie.replace("=", "=9", 1), "emotion-agent=."):
        assert guarded.ask("/api/v1/state", Cookie=damaged).status == 401
    out = guarded.command("/api/v1/logout", {}, Cookie=cookie)
    assert "Max-Age=0" in out.headers["Set-Cookie"]


def test_the_token_logs_in_too_and_a_wrong_password_does_not(guarded: Served) -> None:
    assert log_in(guarded, TOKEN).status == 200
    assert log_in(guarded, "\udcff").status in (400, 401)
    reply = log_in(guarded, "wrong horse")
    assert (reply.status, reply.json) == (401, {"error": "wrong password"})
    assert "Set-Cookie" not in reply.headers


def test_a_session_ends_with_time_and_with_the_password(password_hash: str) -> None:
    now = [1e9]
    settings = WebSettings.model_validate({"password_hash": password_hash})
    credentials = Credentials(settings, lambda: now[0])
    session = credentials.new_session()
    assert Credentials(settings, lambda: now[0]).is_session(session)  # the agent was started again
    other = WebSettings.model_validate({"password_hash": hashed(PASSWORD)})
    assert not Credentials(other, lambda: now[0]).is_session(session)
    now[0] += SESSION_SECONDS + 1
    assert not credentials.is_session(session)


@pytest.mark.parametrize(
    "wrong", ["scrypt$", "scrypt$a$b", "plain", "scrypt$$$", "scrypt$YQ==$YQ=="]
)
def test_a_hash_that_is_none_is_told(wrong: str) -> None:
    settings = WebSettings.model_validate({"password_hash": wrong})
    with pytest.raises(AgentError, match="emotion-agent web password"):
        Credentials(settings)


def test_a_flood_of_wrong_tokens_is_stopped(guarded: Served, caplog: Any) -> None:
    told = [guarded.ask("/api/v1/state", Authorization="Bearer wrong").status for _ in range(40)]
    assert told[:5] == [401] * 5
    assert set(told[5:]) == {429}
    reply = guarded.ask("/api/v1/state", Authorization=f"Bearer {TOKEN}")
    assert (reply.status, reply.headers["Retry-After"]) == (429, "60")
    assert log_in(guarded, PASSWORD).status == 429
    assert len([line for line in caplog.messages if "wrong password or token" in line]) == 5


def test_who_leaves_before_the_answer_has_tried_all_the_same(
    guarded: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: Queue[str] = Queue()
    is_password = Credentials.is_password

    def told(self: Credentials, given: str) -> bool:
        begun.put(given)
        return is_password(self, given)

    monkeypatch.setattr(Credentials, "is_password", told)
    for number in range(5):
        connection = guarded.connect()
        body = json.dumps({"password": f"guess {number}"})
        connection.request("POST", "/api/v1/login", body, COMMAND)
        assert begun.get(timeout=PATIENCE) == f"guess {number}"
        connection.close()
    assert log_in(guarded, PASSWORD).status == 429


def test_a_greedy_client_is_slowed_down(served: Served) -> None:
    connection = served.connect()
    told = []
    for _ in range(400):
        connection.request("GET", "/healthz")
        reply = connection.getresponse()
        reply.read()
        told.append(reply.status)
    connection.close()
    assert told[:200] == [200] * 200
    assert 429 in told


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "localhost.evil", "[", "a:b"]
)
def test_a_foreign_name_for_this_machine_is_refused(served: Served, host: str) -> None:
    reply = served.ask("/api/v1/state", Host=host)
    assert (reply.status, "web.names" in reply.json["error"]) == (403, True)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:8765", "10.0.0.7", "board.lan"]
)
def test_own_names_and_addresses_are_taken(host: str) -> None:
    with serving(names="board.lan, other") as served:
        assert served.ask("/healthz", Host=host).status == 200
        assert served.ask("/healthz", Host=socket.gethostname()).status == 200


def test_a_machine_that_is_given_another_name_is_known_by_it(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert served.ask("/healthz", Host="kitchen.local").status == 403
    monkeypatch.setattr(socket, "gethostname", lambda: "kitchen")
    assert served.ask("/healthz", Host="kitchen.local:8765").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},
    ],
)
def test_commands_from_foreign_sites_are_refused(served: Served, headers: dict[str, str]) -> None:
    assert served.command("pause", {"on": True}, **headers).status == 403
    assert not served.control.paused


def test_commands_need_what_a_form_cannot_send(served: Served) -> None:
    path, on = "/api/v1/commands/pause", b'{"on": true}'
    kind = {"Content_Type": "application/json"}
    assert served.ask(path, "POST", on, **kind).status == 403
    assert (
        served.ask(path, "POST", on, X_Emotion_Agent="1", Content_Type="text/plain").status == 415
    )
    assert not served.control.paused
    own = {"Origin": f"http://127.0.0.1:{served.port}", "Sec_Fetch_Site": "same-origin"}
    assert served.command("pause", {"on": True}, **own).status == 200


def test_foreign_sites_cannot_embed_or_read(served: Served) -> None:
    for path in ("/api/v1/preview.jpg", "/api/v1/state", "/api/v1/events/stream"):
        assert served.ask(path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status == 403
    headers = served.ask("/api/v1/state").headers
    assert "Access-Control-Allow-Origin" not in headers
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/../settings.py",
        "/..%2f..%2fsink.py",
        "/%2e%2e/sink.py",
        "//etc/passwd",
        "/page/../../sink.py",
        "/api/v1/..%5c..%5csink.py",
        "/index.html%00.js",
    ],
)
def test_there_is_no_path_out_of_the_page(served: Served, path: str) -> None:
    reply = served.ask(path)
    assert reply.status in (400, 404)
    assert b"import" not in reply.body


def test_a_body_that_is_too_large_is_refused(served: Served) -> None:
    reply = served.ask("/api/v1/commands/mute", "POST", b" " * 5000 + b"{}", **COMMAND)
    assert reply.status == 413


def test_headers_that_are_too_large_are_refused(served: Served) -> None:
    assert served.ask("/healthz", X_Long="x" * 9000).status == 400
    assert served.ask("/healthz").status == 200


def make_certificate(folder: Path, name: str = "board") -> tuple[Path, Path]:
    """A certificate and its key, which replace those that were there."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    make = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {key}"
    subprocess.run([*make.split(), "-out", certificate], check=True, capture_output=True)
    return certificate, key


def test_https_is_served_with_a_certificate_and_its_cookie_is_for_https_alone(
    folder: Path, password_hash: str
) -> None:
    certificate, key = make_certificate(folder)
    with serving(
        password_hash=password_hash, tls_cert=str(certificate), tls_key=str(key)
    ) as served:
        assert served.sink.address.startswith("https://")
        reply = log_in(served, PASSWORD)
        cookie, *flags = reply.headers["Set-Cookie"].split("; ")
        assert cookie.startswith("__Host-")
        assert "Secure" in flags
        assert served.ask("/api/v1/state", Cookie=cookie).status == 200


def test_a_renewed_certificate_is_taken_up_and_one_that_does_not_fit_is_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("agent.feedback.web.certificate._EVERY", 0.05)
    certificate, key = make_certificate(folder, "first")
    with serving(tls_cert=str(certificate), tls_key=str(key)) as served:

        def shown() -> str:
            return ssl.get_server_certificate(("127.0.0.1", served.port))

        first = certificate.read_text()
        assert shown() == first
        with caplog.at_level("INFO"):
            key.write_text("half a key")
            until(lambda: "keeps its former certificate" in caplog.text)
            assert shown() == first
            make_certificate(folder, "second")
            until(lambda: shown() != first)
        assert shown() == certificate.read_text()
        assert f"new certificate: {certificate}" in caplog.text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tls_cert": "/no/such.pem"}, r"web\.tls_cert: cannot read /no/such\.pem"),
        ({"tls_key": "/no/such.pem"}, r"web\.tls_key is set, but"),
        ({"tls_cert": __file__}, "are no PEM certificate"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_told(given: dict[str, str], told: str) -> None:
    settings = Settings(web=WebSettings.model_validate({"port": 0, **given}))
    with pytest.raises(AgentError, match=told):
        WebSink(settings, Control(), StatusBoard(), [])


def test_a_rate_limit_lets_through_again_with_time_and_forgets_the_longest_unseen() -> None:
    now = [0.0]
    limit = RateLimit(rate=0.5, burst=2, now=lambda: now[0])
    assert [limit.take("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert limit.take("192.0.2.2")
    now[0] = 2.0
    assert [limit.take("192.0.2.1") for _ in range(2)] == [True, False]
    for number in range(3000):
        limit.take(f"10.0.{number // 256}.{number % 256}")
    assert len(limit._peers) <= 1024
    network = [limit.take(f"2001:db8::{n:x}") for n in range(3)]
    assert network == [True, True, False]


def test_tokens_are_long_and_never_the_same() -> None:
    assert len({new_token() for _ in range(100)}) == 100
    WebSettings.model_validate({"token": new_token()})
