"""What is told to systemd, heard at the socket that it would listen at."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.notify import Notifier


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.setblocking(False)
        yield ear


def notifier(ear: socket.socket, **environment: str) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": ear.getsockname(), **environment})


def heard(ear: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(ear.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_a_life_is_told_step_by_step(ear: socket.socket) -> None:
    told = notifier(ear)
    told.ready()
    told.show("live")
    told.reloading()
    told.ready()
    told.stopping()
    first, second, third, fourth, fifth = heard(ear)
    assert (first, second, fourth) == ("READY=1", "STATUS=live", "READY=1")
    assert third.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert int(third.rpartition("=")[2]) > 0
    assert fifth == "STOPPING=1\nSTATUS=stopping"


def test_what_has_been_told_is_not_told_again(ear: socket.socket) -> None:
    told = notifier(ear)
    for _ in range(3):
        told.ready()
        told.show("live")
    for _ in range(3):
        told.stopping()
    assert heard(ear) == ["READY=1", "STATUS=live", "STOPPING=1\nSTATUS=stopping"]


def test_a_status_is_one_line(ear: socket.socket) -> None:
    notifier(ear).show("failed: first\nREADY=1 " + 1000 * "x")
    (message,) = heard(ear)
    assert message.startswith("STATUS=failed: first READY=1 xxx")
    assert len(message) < 600


def test_the_watchdog_is_fed_no_oftener_than_it_needs(ear: socket.socket) -> None:
    told = notifier(ear, WATCHDOG_USEC="3600000000")
    assert told.watchdog == 3600
    for _ in range(100):
        told.alive()
    assert heard(ear) == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
    ],
)
def test_no_watchdog_or_that_of_another_process_is_not_fed(
    ear: socket.socket, environment: dict[str, str]
) -> None:
    told = notifier(ear, **environment)
    assert told.watchdog is None
    told.alive()
    assert heard(ear) == []


def test_the_watchdog_of_this_process_is_known(ear: socket.socket) -> None:
    told = notifier(ear, WATCHDOG_USEC="2000000", WATCHDOG_PID=str(os.getpid()))
    assert told.watchdog == 2


def test_an_abstract_socket_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(f"\0emotion-agent-test-{os.getpid()}")
        Notifier({"NOTIFY_SOCKET": f"@emotion-agent-test-{os.getpid()}"}).ready()
        assert ear.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "vsock:2:1234"])
def test_nobody_who_listens_is_no_error(address: str) -> None:
    told = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
    told.ready()
    told.alive()
    told.stopping()


def test_a_listener_that_is_stuck_does_not_hold_the_agent(ear: socket.socket) -> None:
    told = notifier(ear)
    for number in range(10_000):  # far more than the socket holds
        told.show(f"live {number}")
    assert 0 < len(heard(ear)) < 10_000


def test_what_a_busy_listener_did_not_take_is_told_later(ear: socket.socket) -> None:
    told = notifier(ear, WATCHDOG_USEC="3600000000")
    for number in range(10_000):
        told.show(f"live {number}")
    told.ready()
    told.alive()
    told.show("live")
    heard(ear)

    for _ in range(2):
        told.ready()
        told.alive()
        told.show("live")

    assert heard(ear) == ["READY=1", "WATCHDOG=1", "STATUS=live"]


def test_the_end_is_told_once_the_listener_takes_it(ear: socket.socket) -> None:
    told = notifier(ear)
    for number in range(10_000):
        told.show(f"live {number}")
    told.stopping()
    heard(ear)

    told.stopping()

    assert heard(ear) == ["STOPPING=1\nSTATUS=stopping"]


def test_more_time_is_asked_for_once_the_start_is_over(ear: socket.socket) -> None:
    told = notifier(ear, WATCHDOG_USEC="2000000")
    with told.patience(300):
        assert heard(ear) == []  # the watchdog begins with READY=1
    told.ready()
    with told.patience(300):
        assert heard(ear) == ["READY=1", "WATCHDOG_USEC=300000000"]
    assert heard(ear) == ["WATCHDOG_USEC=2000000\nWATCHDOG=1"]


def test_without_a_watchdog_no_time_is_asked_for(ear: socket.socket) -> None:
    told = notifier(ear)
    told.ready()
    with told.patience(300):
        pass
    assert heard(ear) == ["READY=1"]
