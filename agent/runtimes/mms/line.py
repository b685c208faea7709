"""The way to one model server: HTTP over TCP or a unix socket, connections kept open."""

from __future__ import annotations

import asyncio
import os
from typing import Final
from urllib.parse import quote

import aiohttp
import numpy as np
import numpy.typing as npt

from agent.inference.bodies import CROPS_TYPE
from agent.runtimes.mms.wire import MAX_ANSWER, ServerFaultError, decoded, refusal

AT_ONCE: Final = 2
"""Requests that may be under way to a server at one time."""

_HEADERS: Final = {"Content-Type": CROPS_TYPE, "Accept": "application/json"}


class _DroppedError(ServerFaultError):
    """The connection was closed before any answer came."""


class Line:
    """Asks one server for predictions; lives on one event loop."""

    def __init__(self, address: str, model: str, expected: str, patience: float) -> None:
        """`address` as in the settings, `model` as the server names it; `expected` is the
        `name@version` that its answers must come from. A request without an answer is given up
        after `patience` seconds, and its connection closed.
        """
        socket = address.removeprefix("unix:")
        unix = socket != address
        # A unix socket needs no host, but HTTP/1.1 must name one.
        self._url = f"{'http://localhost' if unix else address}/predictions/{quote(model)}"
        self._expected = expected
        connector: aiohttp.BaseConnector = (
            aiohttp.UnixConnector(socket, limit=AT_ONCE)
            if unix
            else aiohttp.TCPConnector(limit=AT_ONCE)
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=patience),
            headers=_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def predict(self, body: bytes, count: int) -> npt.NDArray[np.float32]:
        """The probabilities of the `count` crops in a body; raises `ServerFaultError`."""
        try:
            return await self._post(body, count)
        except _DroppedError:
            # A server may close a connection just as it is used again: that is no fault of it.
            return await self._post(body, count)

    async def _post(self, body: bytes, count: int) -> npt.NDArray[np.float32]:
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as response:
                answer = await _whole(response)
        except asyncio.TimeoutError:
            raise ServerFaultError("no answer") from None
        except aiohttp.ClientPayloadError:
            raise ServerFaultError("its answer breaks off") from None
        except aiohttp.ClientConnectorError as error:
            raise ServerFaultError(_told(error)) from None
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError):
            raise _DroppedError("it closes the connection") from None
        except aiohttp.ClientResponseError:
            raise ServerFaultError("it does not speak HTTP") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ServerFaultError(str(error).lower()) from None
        if response.status != 200:
            raise refusal(response.status, answer)
        return decoded(answer, self._expected, count)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """The answer's body, unless it is longer than any answer can be."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER:
            raise ServerFaultError("its answer is too long")
    return bytes(body)


def _told(error: aiohttp.ClientConnectorError) -> str:
    """Why there is no connection, without the address, which the server's name tells."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no such host"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate cannot be trusted"
    return os.strerror(error.errno).lower() if error.errno else str(error)
