"""How much one client may ask: token buckets by address, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from time import monotonic
from typing import Final

_PEERS: Final = 1024  # remembered; of those beyond, the longest unseen are forgotten


class RateLimit:
    """At most `burst` at once, and `rate` a second over time, for each client.

    >>> limit = RateLimit(rate=1, burst=2, now=lambda: 0.0)
    >>> [limit.take("192.0.2.1") for _ in range(3)]
    [True, True, False]
    """

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        self._peers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str | None) -> bool:
        """Whether this client may have one more; takes it if so."""
        if not self.has(address):
            return False
        peer = _peer(address)
        left, at = self._peers[peer]
        self._peers[peer] = left - 1, at
        return True

    def has(self, address: str | None) -> bool:
        """Whether this client may have one more."""
        peer, now = _peer(address), self._now()
        left, at = self._peers.pop(peer, (self._burst, now))
        left = min(self._burst, left + self._rate * (now - at))
        self._peers[peer] = left, now
        if len(self._peers) > _PEERS:
            self._peers.popitem(last=False)
        return left >= 1


def _peer(address: str | None) -> str:
    """IPv6 clients have 2^64 addresses to choose from: their network counts as one."""
    try:
        given = ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(given, IPv6Address) and given.ipv4_mapped is None:
        return str(IPv6Address(int(given) >> 64 << 64))
    return str(given)
