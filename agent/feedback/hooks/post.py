"""Posts JSON to one address, over a connection that is kept while the server keeps it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Timer
from typing import Final

from agent import __version__
from agent.errors import AgentError
from agent.feedback.hooks.address import Address
from agent.feedback.hooks.posted import Answer

_RETRIED: Final = frozenset({401, 403, 404, 405, 407, 408, 425, 429})
"""Refusals that are not the message's fault: a token, an address or a proxy that a person can mend;
too slow, too early, too many."""
_READ: Final = 65_536  # bytes of an answer that are read; what is longer ends the connection
_REASON: Final = 60  # characters of a server's reason that are told
_LONGEST_WAIT: Final = 3600.0  # seconds that a server may ask for


class Poster:
    """One connection at a time; belongs to one thread, but for `abort`."""

    def __init__(self, read: Callable[[], Address], timeout: float) -> None:
        """`read` gives the address, now and after each attempt that fails, as its token and
        certificate may be renewed; it raises `AgentError`. `timeout` is in seconds and for one
        attempt, from its beginning to its end.
        """
        self._read = read
        self._address = read()
        self._in_doubt = False
        self._timeout = timeout
        self._connection: HTTPConnection | None = None
        self._late = False

    @property
    def host(self) -> str:
        """Host and port, for people."""
        return str(self._address)

    def send(self, body: bytes) -> Answer:
        """Post a message; never raises."""
        was_open = self._connection is not None
        try:
            if self._in_doubt:
                self.close()
                self._address = self._read()
            answer = self._attempt(body)
        except AgentError as error:
            return Answer("later", str(error))
        except (OSError, HTTPException) as error:
            self.close()
            if was_open and not (self._late or self._in_doubt):
                return self.send(body)  # servers close what is idle: that is no failure yet
            answer = Answer("later", self._in_words(error))
        self._in_doubt = answer.verdict == "later"
        return answer

    def abort(self) -> None:
        """End an attempt that is under way; for any thread."""
        self._late = True
        connection = self._connection
        line = connection.sock if connection is not None else None
        if line is not None:
            with suppress(OSError):  # of a TLS socket this one does not wait for the other side
                socket.socket.shutdown(line, socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection back; the next message opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _attempt(self, body: bytes) -> Answer:
        # The timeout of a socket is for each of its steps: a server that drips would never end.
        self._late = False
        deadline = Timer(self._timeout, self.abort)
        deadline.daemon = True
        deadline.start()
        try:
            if self._connection is None:
                self._connection = self._new_connection()
                self._connection.connect()
                if self._late:
                    raise TimeoutError
            self._connection.request("POST", self._address.target, body, self._headers())
            response = self._connection.getresponse()
            self._finish(response)
            return _verdict(response)
        finally:
            deadline.cancel()

    def _headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"emotion-agent/{__version__}",
        }
        if self._address.token is not None:
            headers["Authorization"] = f"Bearer {self._address.token}"
        return headers

    def _finish(self, response: HTTPResponse) -> None:
        """Read the rest of an answer, so that the next can follow on the same connection."""
        try:
            response.read(_READ)
        except (OSError, HTTPException):
            self.close()  # what counts has been said
        if response.will_close or not response.isclosed():
            self.close()

    def _new_connection(self) -> HTTPConnection:
        host, port, tls = self._address.host, self._address.port, self._address.tls
        if tls is None:
            return HTTPConnection(host, port, timeout=self._timeout)
        return HTTPSConnection(host, port, timeout=self._timeout, context=tls)

    def _in_words(self, error: Exception) -> str:
        if self._late or isinstance(error, TimeoutError):
            return f"no answer within {self._timeout:g} s"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate does not fit: {error.verify_message}"
        if isinstance(error, ssl.SSLError):
            return f"no TLS connection: {error.reason or error}"
        told: dict[type[Exception], str] = {
            socket.gaierror: "no such host; check feedback.webhook.url and the network",
            ConnectionRefusedError: "nothing listens there",
            ConnectionError: "it hangs up",
            HTTPException: "it does not speak HTTP",
        }
        known = (words for kind, words in told.items() if isinstance(error, kind))
        return next(known, getattr(error, "strerror", None) or str(error))


def _verdict(response: HTTPResponse) -> Answer:
    status = response.status
    reason = "".join(filter(str.isprintable, response.reason))[:_REASON]
    words = f"{status} {reason}".strip()
    if 200 <= status < 300:
        return Answer("delivered")
    if 300 <= status < 400:
        # The login page of a network would swallow every event if this were followed.
        return Answer("later", f"{words}: it sends us elsewhere, which is not followed")
    if 400 <= status < 500 and status not in _RETRIED:
        return Answer("rejected", words)
    asked = response.headers.get("Retry-After", "")
    return Answer("later", words, min(float(asked), _LONGEST_WAIT) if asked.isdecimal() else 0.0)
