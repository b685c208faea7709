"""Events posted to a real web server that refuses, hangs, drips, dies and comes back."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from agent.errors import AgentError
from agent.feedback.hooks import posted
from agent.feedback.hooks.post import Poster
from agent.feedback.hooks.posted import Answer
from agent.feedback.hooks.webhook import WebhookSink
from agent.feedback.outbox import Letter, Outbox
from agent.settings import FeedbackSettings, Settings, WebhookSettings
from agent.status import StatusBoard
from tests.brokers.mosquitto import make_certificates
from tests.brokers.publisher import numbered
from tests.brokers.watcher import wait_for
from tests.feedback.hooks.receiver import Receiver, Request, hang
from tests.ports import free_port


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


class Hook:
    """The sink, with what it reports."""

    def __init__(self, folder: Path, url: str, **more: Any) -> None:
        given = WebhookSettings.model_validate({"url": url, "timeout": 5, **more})
        settings = Settings(device="hall", feedback=FeedbackSettings(webhook=given))
        self.board = StatusBoard()
        self.sink = WebhookSink(settings, self.board, folder)

    @property
    def health(self) -> str:
        return self.board.status.health["webhook"]

    def publish(self, *numbers: int) -> None:
        for number in numbers:
            self.sink.publish(numbered(number))


@pytest.fixture
def hook(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Hook]]:
    monkeypatch.setattr(posted, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(posted, "_LONGEST_PAUSE", 0.2)
    hooks: list[Hook] = []

    def new(url: str = "", **more: Any) -> Hook:
        hooks.append(Hook(tmp_path, url or f"http://127.0.0.1:{receiver.port}/in?a=b", **more))
        return hooks[-1]

    yield new
    for opened in hooks:
        opened.sink.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def test_events_arrive_in_order_as_they_are_with_the_token(
    receiver: Receiver, hook: Callable[..., Hook]
) -> None:
    hook(token="t0ken").publish(*range(50))
    wait_for(lambda: len(receiver.taken) == 50)
    assert receiver.frames == list(range(50))
    first = receiver.posted[0]
    assert first.json == numbered(0).as_dict()
    assert first.path == "/in?a=b"
    assert first.headers["Authorization"] == "Bearer t0ken"
    assert first.headers["Content-Type"] == "application/json"
    assert len(receiver.connections) == 1


def test_a_token_that_is_renewed_in_its_file_is_shown_the_next_time(
    receiver: Receiver, hook: Callable[..., Hook], tmp_path: Path
) -> None:
    def demanding(request: Request) -> None:
        request.answer(204 if request.headers["Authorization"] == "Bearer new" else 401)

    file = tmp_path / "token"
    file.write_text("of-last-year")
    receiver.script = [demanding for _ in range(1000)]
    hooked = hook(token_file=str(file))
    hooked.publish(1)
    wait_for(lambda: "401" in hooked.health)
    file.write_text("new")
    wait_for(lambda: hooked.health == "ok")


def test_only_chosen_events_are_posted(receiver: Receiver, hook: Callable[..., Hook]) -> None:
    chosen = hook(events="started changed", emotions="fear unknown", min_confidence=0.6)
    event = numbered(0)
    for frame, changes in enumerate(
        [
            {"emotion": "fear"},
            {"emotion": "fear", "confidence": 0.59},
            {"emotion": "fear", "confidence": 0.6},
            {"emotion": "fear", "type": "ended"},
            {"emotion": "happiness"},
            {"emotion": "unknown", "confidence": 0.0},
            {"emotion": "fear", "type": "started"},
        ]
    ):
        chosen.sink.publish(replace(event, frame=frame, **changes))  # type: ignore[arg-type]
    wait_for(lambda: len(receiver.taken) == 4)
    assert receiver.frames == [0, 2, 5, 6]


@pytest.mark.parametrize("status", [500, 502, 503, 401, 403, 404, 408, 425, 429])
def test_a_server_in_trouble_gets_the_events_again_in_order(
    receiver: Receiver, hook: Callable[..., Hook], caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.INFO)
    receiver.script = [204, status, status, status]
    troubled = hook()
    troubled.publish(*range(5))
    wait_for(lambda: len(receiver.taken) == 5)
    wait_for(lambda: troubled.health == "ok")
    assert receiver.frames == list(range(5))
    assert [p.json["frame"] for p in receiver.posted] == [0, 1, 1, 1, 1, 2, 3, 4]
    (told,) = warnings(caplog)
    assert told.startswith(f"webhook: 127.0.0.1:{receiver.port}: {status} ")
    assert told.endswith("; trying again until it works")
    assert "takes events again" in caplog.text


def test_a_server_that_asks_to_be_left_alone_is(
    receiver: Receiver, hook: Callable[..., Hook]
) -> None:
    receiver.script = [lambda request: request.answer(429, {"Retry-After": "1"})]
    hook().publish(1)
    wait_for(lambda: receiver.frames == [1])
    assert receiver.posted[1].at - receiver.posted[0].at >= 1.0


def test_what_a_server_will_never_take_is_counted_told_once_and_left_out(
    receiver: Receiver, hook: Callable[..., Hook], caplog: pytest.LogCaptureFixture
) -> None:
    receiver.script = [400, 400, 204, 422, 204, 400]
    refused = hook()
    refused.publish(0, 1)
    told = "it does not take an event: 400 Bad Request; such events are dropped"
    wait_for(lambda: refused.health == f"{told}, 2 so far")
    assert len(warnings(caplog)) == 1
    refused.publish(2)
    wait_for(lambda: refused.health == "ok")
    refused.publish(3, 4, 5, 6)
    wait_for(lambda: len(receiver.taken) == 3)
    assert receiver.frames == [2, 4, 6]
    assert refused.sink.outbox.rejected == 4
    assert ["400 Bad" in line for line in warnings(caplog)] == [True, False]


def test_a_redirection_is_told_and_not_followed(
    receiver: Receiver, hook: Callable[..., Hook], caplog: pytest.LogCaptureFixture
) -> None:
    with Receiver() as elsewhere:
        target = {"Location": f"http://127.0.0.1:{elsewhere.port}/in"}
        receiver.script = [lambda request: request.answer(307, target)] * 2
        hook(token="t0ken").publish(1)
        wait_for(lambda: receiver.frames == [1])
        assert elsewhere.posted == []
    (told,) = warnings(caplog)
    assert "307 Temporary Redirect: it sends us elsewhere, which is not followed" in told


def drip(request: Request) -> None:
    for _ in range(10_000):
        request.wfile.write(b"H")
        sleep(0.02)


def stutter(request: Request) -> None:
    request.wfile.write(b"no HTTP at all\r\n\r\n")
    request.hang_up()


@pytest.mark.parametrize(
    ("behaviour", "timeout", "told"),
    [
        (hang, 1, "no answer within 1 s"),
        (drip, 1, "no answer within 1 s"),
        (stutter, 60, "it does not speak HTTP"),
        (Request.hang_up, 60, "it hangs up"),
    ],
)
def test_a_server_that_misbehaves_is_told_and_asked_again(
    receiver: Receiver,
    hook: Callable[..., Hook],
    caplog: pytest.LogCaptureFixture,
    behaviour: Callable[[Request], None],
    timeout: int,
    told: str,
) -> None:
    receiver.script = [behaviour]
    misled = hook(timeout=timeout)
    misled.publish(1, 2)
    wait_for(lambda: list(dict.fromkeys(receiver.frames)) == [1, 2])
    assert f"127.0.0.1:{receiver.port}: {told}; trying again" in warnings(caplog)[0]


def fall_silent(request: Request) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    sleep(3600)


def test_what_was_taken_is_delivered_even_if_the_rest_of_the_answer_never_comes(
    receiver: Receiver, hook: Callable[..., Hook], caplog: pytest.LogCaptureFixture
) -> None:
    receiver.script = [fall_silent]
    hook(timeout=1).publish(1, 2)
    wait_for(lambda: receiver.frames[-1:] == [2])
    assert [p.json["frame"] for p in receiver.posted[:2]] == [1, 2]


def test_a_connection_that_the_server_closed_while_idle_is_no_failure(
    receiver: Receiver, hook: Callable[..., Hook], caplog: pytest.LogCaptureFixture
) -> None:
    idle = hook()
    for number in range(3):
        idle.publish(number)
        wait_for(lambda: len(idle.sink.outbox) == 0 and len(receiver.taken) == number + 1)  # noqa: B023
        receiver.hang_up()
    assert receiver.frames == [0, 1, 2]
    assert warnings(caplog) == []


def test_events_wait_for_a_server_that_comes_later_the_oldest_make_room(
    receiver: Receiver, hook: Callable[..., Hook], caplog: pytest.LogCaptureFixture
) -> None:
    receiver.stop()
    early = hook(outbox_events=5)
    early.publish(*range(20))
    wait_for(lambda: early.sink.delivered == 20 and "nothing listens" in early.health)
    receiver.start()
    wait_for(lambda: len(receiver.taken) >= 5)
    wait_for(lambda: early.health == "ok")
    assert receiver.frames[-5:] == list(range(15, 20))
    assert early.sink.outbox.dropped == 15
    assert len(warnings(caplog)) == 1


def test_closing_does_not_wait_for_a_server_that_hangs_and_keeps_the_event(
    receiver: Receiver, hook: Callable[..., Hook], tmp_path: Path
) -> None:
    receiver.script = [hang]
    hung = hook(timeout=120)
    hung.publish(7)
    wait_for(lambda: receiver.posted)
    hung.sink.close()
    assert "webhook" not in hung.board.status.health
    with_it = Outbox(tmp_path / "webhook-outbox.sqlite", 10, 3600.0)
    assert len(with_it) == 1
    with_it.close()
    hook()
    wait_for(lambda: receiver.frames == [7])


def test_the_certificate_is_checked(
    hook: Callable[..., Hook], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_certificates(tmp_path)
    with Receiver(certificates=tmp_path) as receiver:
        url = f"https://localhost:{receiver.port}/"
        stranger = hook(url, ca_file=str(tmp_path / "stranger.crt"))
        stranger.publish(1)
        wait_for(lambda: "certificate does not fit" in stranger.health)
        stranger.sink.close()
        other_name = hook(url.replace("localhost", "127.0.0.1"), ca_file=str(tmp_path / "ca.crt"))
        wait_for(lambda: "certificate does not fit: IP address mismatch" in other_name.health)
        other_name.sink.close()
        assert receiver.posted == []
        hook(url, ca_file=str(tmp_path / "ca.crt"))
        wait_for(lambda: receiver.frames == [1])


def test_the_address_and_the_token_stay_out_of_the_log(
    receiver: Receiver,
    hook: Callable[..., Hook],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "token").write_text("t0ken\n")
    receiver.script = [500, 413]
    quiet = hook(f"http://localhost:{receiver.port}/h1dden", token_file=str(tmp_path / "token"))
    quiet.publish(1, 2)
    wait_for(lambda: receiver.frames == [2])
    assert receiver.posted[0].headers["Authorization"] == "Bearer t0ken"
    assert "localhost" in caplog.text
    assert "h1dden" not in caplog.text
    assert "t0ken" not in caplog.text + repr(quiet.sink._settings)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"url": "example.org/in"}, r"webhook\.url: it must begin with https://"),
        ({"url": "ftp://example.org"}, r"webhook\.url: it must begin with https://"),
        ({"url": "http://example.org:x/"}, r"webhook\.url: Port could not be cast"),
        ({"url": "http://me:s3cret@example.org/"}, r"webhook\.url: .* no name or password"),
        ({"url": "http://example.org/a b"}, r"webhook\.url: .* characters"),
        ({"url": "http://bücher.example/"}, r"webhook\.url: .* characters"),
        (
            {"url": "http://hooks..example/"},
            r"webhook\.url: 'hooks\.\.example' is no name of a host",
        ),
        ({"url": f"http://{'long' * 16}.example/"}, r"webhook\.url: .* is no name of a host"),
        ({"token": "a", "token_file": "b"}, "give only one"),
        ({"token": "line\nbreak"}, r"webhook\.token: .* printable"),
        ({"token_file": "/no/such"}, r"webhook\.token_file: /no/such: No such file"),
        ({"ca_file": "ca.crt"}, r"webhook\.ca_file is set, but the url is not https"),
        ({"url": "https://example.org", "ca_file": "/no/such"}, r"ca_file: cannot read /no/such"),
        ({"url": "https://example.org", "ca_file": "/etc"}, "ca_file: /etc: Is a directory"),
        ({"url": "https://example.org", "ca_file": __file__}, "is no PEM certificate"),
    ],
)
def test_settings_that_cannot_work_are_told_without_secrets(
    tmp_path: Path, wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(AgentError, match=told) as raised:
        Hook(tmp_path, **{"url": f"http://127.0.0.1:{free_port()}/", **wrong})
    assert "s3cret" not in str(raised.value)


def read_only(box: Outbox, on: bool) -> None:
    """Stands for a disk that is mounted read-only after an error, as SD cards are."""
    with box._lock:
        box._database.execute(f"pragma query_only={int(on)}")


def test_a_disk_that_fails_does_not_have_an_event_posted_again_and_again(
    receiver: Receiver, hook: Callable[..., Hook], caplog: pytest.LogCaptureFixture
) -> None:
    opened = hook()
    box = opened.sink.outbox

    def take(request: Request) -> None:
        read_only(box, True)
        request.answer(204)

    receiver.script = [take]
    opened.publish(1)
    wait_for(lambda: receiver.posted)
    sleep(0.5)
    assert len(receiver.posted) == 1
    (told,) = warnings(caplog)
    assert "webhook-outbox.sqlite: attempt to write a readonly database; what was sent" in told
    read_only(box, False)
    opened.publish(2)
    wait_for(lambda: receiver.frames == [2] and len(box) == 0)
    wait_for(lambda: opened.health == "ok")
    assert len(receiver.posted) == 2


def test_a_file_that_cannot_be_read_is_not_asked_all_the_time(
    receiver: Receiver, hook: Callable[..., Hook], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = hook()
    asked: list[int] = []

    def fail(_last: int, _count: int) -> list[Letter]:
        asked.append(1)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(opened.sink.outbox, "after", fail)
    opened.publish(1)
    wait_for(lambda: "disk I/O error" in opened.health)
    sleep(0.5)
    assert len(asked) < 10
    monkeypatch.undo()
    wait_for(lambda: receiver.frames == [1])


def test_an_error_that_nobody_thought_of_does_not_end_the_posting(
    receiver: Receiver, hook: Callable[..., Hook], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = hook()

    def fail(_poster: Poster, _body: bytes) -> Answer:
        raise ValueError("nobody thought of this")

    with monkeypatch.context() as patched:
        patched.setattr(Poster, "send", fail)
        opened.publish(1)
        wait_for(lambda: "nobody thought of this" in opened.health)
    opened.publish(2)
    wait_for(lambda: receiver.frames == [1, 2])
