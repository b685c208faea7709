"""An HTTP answer that goes on for ever, every step of it in time.

It is asked for as FFmpeg asks cameras: redirections are followed, the user name and password in the
address are sent once where they are asked for (Digest, or else Basic), proxies are those of the
environment, and any certificate will do, as cameras make their own.
"""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPMessage,
    HTTPResponse,
    HTTPSConnection,
    responses,
)
from time import monotonic
from typing import IO, Any, Final
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit

from typing_extensions import Buffer

from agent import __version__
from agent.errors import SourceError

_CHECK: Final = "check address, user name and password"
_STALE: Final = re.compile('stale="?true', re.IGNORECASE)
"""In an answer to a login that was right, but for a nonce that is used up (RFC 7616, 3.3)."""


@dataclass
class _Deadline:
    """When waiting for the other side ends, by `monotonic()`."""

    at: float

    def left(self) -> float:
        """Seconds, more than none. Raises `TimeoutError` where there are none."""
        left = self.at - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


class HttpStream:
    """The answer of a server to one GET."""

    def __init__(self, response: HTTPResponse, deadline: _Deadline) -> None:
        self._response = response
        self._deadline = deadline
        self.kind = response.headers.get_content_type()
        """The media type, in small letters."""
        self.boundary = response.headers.get_boundary() or ""
        """What delimits its parts, if it has any."""

    def allow(self, seconds: float) -> None:
        """Let what is read from now on take so long, all together."""
        self._deadline.at = monotonic() + seconds

    def read(self, most: int) -> bytes:
        """What has come, waiting until there is something; nothing at the end.

        Raises `OSError` (`TimeoutError` for one) or `HTTPException`, and then each time.
        """
        return self._response.read1(most)

    def close(self) -> None:
        """Hang up."""
        self._response.close()


def open_http(name: str, address: str, timeout: float) -> HttpStream | None:
    """Ask for an address, for at most `timeout` seconds; None where the answer is none of HTTP.

    Raises `SourceError` with the reason where there is no answer or a refusal; `name` stands for
    the address there, which may hold a password.
    """
    deadline = _Deadline(monotonic() + timeout)
    try:
        response = _opener(address, deadline).open(_request(address), timeout=timeout)
    except HTTPError as error:
        error.close()
        if error.code < 400:  # a redirection that leads nowhere
            return None
        what = f"{error.code} {responses.get(error.code, '')}".strip()
        raise SourceError(f"{name}: refused, the answer is {what}; {_CHECK}") from None
    except OSError as error:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, str | ssl.SSLError):  # not HTTP; or ciphers that are too old for us
            return None
        if isinstance(cause, TimeoutError):
            raise SourceError(f"{name}: no answer within {timeout:g} s; {_CHECK}") from None
        reason = getattr(cause, "strerror", None) or "no connection"
        raise SourceError(f"{name}: cannot be reached ({reason}); {_CHECK}") from None
    except (HTTPException, ValueError, LookupError):
        return None  # not HTTP; a way to log in, or an address, unknown here
    return HttpStream(response, deadline)


def _request(address: str) -> request.Request:
    parts = urlsplit(address)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
    headers = {"User-Agent": f"emotion-agent/{__version__}", "Accept": "*/*"}
    return request.Request(bare.geturl(), headers=headers)


def _opener(address: str, deadline: _Deadline) -> request.OpenerDirector:
    """One that knows HTTP alone: what a server sends must not lead to a file of this machine."""
    parts = urlsplit(address)
    login, _, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    logins = _Logins(sealed=parts.scheme == "https")
    if login:
        place = f"{parts.scheme}://{host}/"
        logins.add_password(None, place, unquote(user), unquote(password))
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        _Http(deadline),
        _Https(deadline),
        _Redirection(),
        request.HTTPBasicAuthHandler(logins),
        _Digest(logins),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


class _Redirection(request.HTTPRedirectHandler):
    def redirect_request(
        self, req: request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> request.Request | None:
        fp.close()  # all of what it says beside the new address would be read
        if "@" in urlsplit(newurl).netloc:  # FFmpeg knows how to log in there; urllib does not
            raise HTTPError(req.full_url, code, msg, headers, fp)
        known = 307 if code == 308 else code  # Python 3.10 does not know 308
        return super().redirect_request(req, fp, known, msg, headers, newurl)

    http_error_308 = request.HTTPRedirectHandler.http_error_302


class _Logins(request.HTTPPasswordMgrWithDefaultRealm):
    """Those of an address, which a redirection from https to http does not bring into the open."""

    def __init__(self, sealed: bool) -> None:
        super().__init__()
        self._sealed = sealed

    def find_user_password(self, realm: str | None, authuri: str) -> tuple[str | None, str | None]:
        if self._sealed and urlsplit(authuri).scheme != "https":
            return None, None
        return super().find_user_password(realm, authuri)


class _Digest(request.HTTPDigestAuthHandler):
    """Found among several ways to log in, and tried once: cameras lock out who is wrong often."""

    def http_error_401(
        self, req: request.Request, fp: IO[bytes], code: int, msg: str, headers: Any
    ) -> Any:
        asked = [
            way for way in headers.get_all("WWW-Authenticate", []) if way[:7].lower() == "digest "
        ]
        if not asked:
            return None
        way = next((way for way in asked if "sha-" not in way.lower()), asked[0])
        if req.has_header("Authorization") and not _STALE.search(way):
            raise HTTPError(req.full_url, code, msg, headers, fp)
        alone = HTTPMessage()
        alone["WWW-Authenticate"] = way
        return super().http_error_401(req, fp, code, msg, alone)


class _Socket(socket.socket):
    """Gives up at a deadline, however little comes each time."""

    deadline = _Deadline(float("inf"))

    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        self.settimeout(self.deadline.left())
        return super().recv_into(buffer, nbytes, flags)


class _TlsSocket(ssl.SSLSocket):
    """The same over TLS."""

    deadline = _Deadline(float("inf"))

    def recv_into(self, buffer: Buffer, nbytes: int | None = None, flags: int = 0) -> int:
        if self.deadline.at < float("inf"):  # not while it shakes hands
            self.settimeout(self.deadline.left())
        return super().recv_into(buffer, nbytes, flags)


def _connected(
    place: tuple[str, int], deadline: _Deadline, source: tuple[str, int] | None
) -> socket.socket:
    """Connected to one of a host's addresses: a name often has one that does not answer, as those
    of IPv6 where the network has none, and the next must have its share of the time.
    """
    known = socket.getaddrinfo(*place, type=socket.SOCK_STREAM)
    problem: OSError = OSError("no address")
    for left, (family, kind, protocol, _, address) in zip(
        range(len(known), 0, -1), known, strict=True
    ):
        line = socket.socket(family, kind, protocol)
        try:
            line.settimeout(deadline.left() / left)
            if source is not None:
                line.bind(source)
            line.connect(address)
            line.settimeout(deadline.left())
        except OSError as error:
            line.close()
            problem = error
        else:
            return line
    raise problem


class _Connection(HTTPConnection):
    deadline = _Deadline(float("inf"))

    def connect(self) -> None:
        self._create_connection = lambda place, _, source: _connected(place, self.deadline, source)
        super().connect()
        line = _Socket(fileno=self.sock.detach())
        line.deadline = self.deadline
        self.sock = line


class _TlsConnection(HTTPSConnection):
    deadline = _Deadline(float("inf"))

    def connect(self) -> None:
        self._create_connection = lambda place, _, source: _connected(place, self.deadline, source)
        super().connect()
        if isinstance(self.sock, _TlsSocket):
            self.sock.deadline = self.deadline


class _Http(request.HTTPHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: request.Request) -> HTTPResponse:
        def connection(host: str, /, **given: Any) -> HTTPConnection:
            made = _Connection(host, **given)
            made.deadline = self._deadline
            return made

        return self.do_open(connection, req)


class _Https(request.HTTPSHandler):
    def __init__(self, deadline: _Deadline) -> None:
        self._any = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._any.check_hostname = False
        self._any.verify_mode = ssl.CERT_NONE
        self._any.sslsocket_class = _TlsSocket
        super().__init__(context=self._any)
        self._deadline = deadline

    def https_open(self, req: request.Request) -> HTTPResponse:
        def connection(host: str, /, **given: Any) -> HTTPSConnection:
            made = _TlsConnection(host, context=self._any, **given)
            made.deadline = self._deadline
            return made

        return self.do_open(connection, req)
