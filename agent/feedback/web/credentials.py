"""Who may come in: the password's hash, the token, and the sessions of those who have logged in."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final

from agent.errors import AgentError
from agent.settings import WebSettings

_COST: Final = {"n": 1 << 14, "r": 8, "p": 5}
"""Of scrypt, as OWASP's password storage cheat sheet has it for 16 MiB; some 0.2 s on a board."""
_LENGTH: Final = 32
SESSION_SECONDS: Final = 7 * 86_400


def new_token() -> str:
    """A token that cannot be guessed."""
    return secrets.token_urlsafe(32)


def hashed(password: str) -> str:
    """A password as `web.password_hash` has it: `scrypt$salt$hash`."""
    salt = secrets.token_bytes(16)
    return f"scrypt${_text(salt)}${_text(_scrypt(password, salt))}"


class Credentials:
    """What opens the door. Sessions are signed, not stored: they outlive the agent, and end when
    the password or the token is changed.
    """

    def __init__(self, settings: WebSettings, clock: Callable[[], float] = time.time) -> None:
        """Raises `AgentError` for a hash that is none."""
        self._clock = clock
        self._token = settings.token.get_secret_value() if settings.token else None
        self._hash = settings.password_hash.get_secret_value() if settings.password_hash else None
        self._salt, self._expected = _parsed(self._hash) if self._hash else (b"", b"")
        self._key = hashlib.sha256(f"{self._token}\0{self._hash}".encode()).digest()

    @property
    def needed(self) -> bool:
        """Whether there is a door at all."""
        return self._token is not None or self._hash is not None

    def is_token(self, given: str) -> bool:
        """Whether it is the token; takes the same time whatever is given."""
        return self._token is not None and _same(_bytes(given), _bytes(self._token))

    def is_password(self, given: str) -> bool:
        """Whether it is the password or the token. Slow, for a thread of its own."""
        if self.is_token(given):
            return True
        return self._hash is not None and _same(_scrypt(given, self._salt), self._expected)

    def new_session(self) -> str:
        """What the cookie of somebody who has logged in holds."""
        until = str(int(self._clock() + SESSION_SECONDS))
        session = f"{until}.{secrets.token_urlsafe(12)}"
        return f"{session}.{self._signature(session)}"

    def is_session(self, cookie: str) -> bool:
        """Whether the cookie is one of ours and not too old."""
        session, _, signature = cookie.rpartition(".")
        if not _same(_bytes(signature), _bytes(self._signature(session))):
            return False
        return int(session.partition(".")[0]) > self._clock()

    def _signature(self, session: str) -> str:
        return _text(hmac.digest(self._key, _bytes(session), "sha256"))


def _parsed(text: str) -> tuple[bytes, bytes]:
    try:
        kind, salt, expected = text.split("$")
        parts = base64.urlsafe_b64decode(salt), base64.urlsafe_b64decode(expected)
    except (ValueError, binascii.Error):
        kind, parts = "", (b"", b"")
    if kind != "scrypt" or len(parts[1]) != _LENGTH:
        raise AgentError("web.password_hash is no hash: make one with `emotion-agent web password`")
    return parts


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(_bytes(password), salt=salt, dklen=_LENGTH, maxmem=1 << 26, **_COST)


def _same(given: bytes, expected: bytes) -> bool:
    # Hashed first: the comparison then tells nothing of the length either.
    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(expected).digest())


def _bytes(text: str) -> bytes:
    # Headers and JSON can hold halves of characters, which plain UTF-8 cannot.
    return text.encode(errors="surrogatepass")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()
