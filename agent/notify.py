"""Tells systemd how the agent is, by the datagrams of sd_notify(3); without systemd, nobody."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic, monotonic_ns

logger = logging.getLogger(__name__)

_LONGEST = 500  # characters of a status: one line of `systemctl status`


class Notifier:
    """The agent's side of `Type=notify` and `WatchdogSec=`. Never raises and never blocks: what
    systemd is too busy to take is told at the next call.

    The watchdog is to be fed by progress alone, so there is no timer here: whoever has made some
    calls `alive`, as often as they like.

    >>> Notifier({}).ready()  # started by hand: nobody to tell
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._interval = _watchdog_seconds(environment)
        self._fed: float | None = None
        self._status = ""
        self._has_begun = False
        self.is_ready = False
        """Whether `ready` has been called, and no `reloading` or `stopping` since."""

    @property
    def watchdog(self) -> float | None:
        """Seconds without progress after which systemd ends this process; None if it does not."""
        return self._interval

    def ready(self) -> None:
        """The start, or a reload, is over."""
        if not self.is_ready:
            self.is_ready = self._send("READY=1")
            self._has_begun = self._has_begun or self.is_ready

    def reloading(self) -> None:
        """Settings are being taken up; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_ns() // 1000}")
        self.is_ready = False

    def stopping(self) -> None:
        """The end has begun."""
        self.is_ready = False
        if self._status != "stopping" and self._send("STOPPING=1\nSTATUS=stopping"):
            self._status = "stopping"

    def show(self, status: str) -> None:
        """Show a line in `systemctl status`; the same line again is not sent."""
        line = " ".join(status.split())[:_LONGEST]
        if line != self._status and self._send(f"STATUS={line}"):
            self._status = line

    def alive(self) -> None:
        """There was progress. Tells systemd four times in the time that it waits, not oftener."""
        if self._interval is None:
            return
        now = monotonic()
        due = self._fed is None or now - self._fed >= self._interval / 4
        if due and self._send("WATCHDOG=1"):
            self._fed = now

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Have systemd wait so long for progress meanwhile; at the start it does so anyway."""
        if self._interval is None or not self._has_begun:
            yield
            return
        self._send(f"WATCHDOG_USEC={round(seconds * 1e6)}")
        try:
            yield
        finally:
            self._send(f"WATCHDOG_USEC={round(self._interval * 1e6)}\nWATCHDOG=1")

    def _send(self, message: str) -> bool:
        """Whether it was taken, or there is nobody to take it."""
        if self._address is None:
            return True
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        try:
            with socket.socket(socket.AF_UNIX, kind) as line:
                line.sendto(message.encode(), self._address)
        except OSError as error:
            logger.debug("systemd was not told %r: %s", message, error)
            return False
        return True


def _address(given: str) -> str | None:
    """The socket's address as Python takes it: `@` stands for an abstract one."""
    if given.startswith("@"):
        return "\0" + given[1:]
    return given if given.startswith("/") else None


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """What `WATCHDOG_USEC` says, unless it is meant for another process."""
    usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not usec.isdecimal() or not int(usec) or pid not in ("", str(os.getpid())):
        return None
    return int(usec) / 1e6
