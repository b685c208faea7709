"""The nucleus that has started this process, by its interprocess communication (IPC)."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError  # of its own kind in Python 3.10
from typing import Any, Final

from agent.errors import AgentError

_SOCKET: Final = "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"
"""Path of its socket, and"""
_TOKEN: Final = "SVCUID"
"""the token that tells it which component asks: both in the environment of every component."""


class NucleusError(AgentError):
    """The nucleus cannot be reached, or does not do what it is asked; the message says why."""

    def __init__(self, words: str, is_final: bool = False) -> None:
        super().__init__(words)
        self.is_final = is_final
        """Whether the same request would be refused again, whatever anybody mends."""


def require_nucleus(needed_by: str) -> None:
    """Raise `AgentError` unless a nucleus has started this process and its SDK is installed."""
    if importlib.util.find_spec("awsiot") is None:
        raise AgentError(
            f"{needed_by}: awsiotsdk is not installed; pip install 'emotion-agent[greengrass]'"
        )
    for name in (_SOCKET, _TOKEN):
        if not os.environ.get(name):
            raise AgentError(
                f"{needed_by}: ${name} is not set; it works only where a Greengrass nucleus has "
                "started this process (`make greengrass`)"
            )


class Nucleus:
    """One connection to the nucleus; belongs to one thread, but for `close`."""

    def __init__(self, timeout: float) -> None:
        """Connect, within `timeout` seconds, which hold for every request too; `NucleusError`."""
        from awscrt.io import ClientBootstrap, SocketDomain, SocketOptions  # noqa: PLC0415
        from awsiot.eventstreamrpc import (  # noqa: PLC0415
            Connection,
            LifecycleHandler,
            MessageAmendment,
        )
        from awsiot.greengrasscoreipc.client import GreengrassCoreIPCClient  # noqa: PLC0415
        from awsiot.greengrasscoreipc.clientv2 import GreengrassCoreIPCClientV2  # noqa: PLC0415

        # It logs each attempt that fails; the caller is told, and says it once.
        logging.getLogger("awsiot").setLevel(logging.CRITICAL)
        self._timeout = timeout
        options = SocketOptions()
        options.domain = SocketDomain.Local
        # The SDK's own `connect` leaves threads behind with each attempt that fails.
        self._connection = Connection(
            host_name=os.environ[_SOCKET],
            port=0,
            bootstrap=ClientBootstrap.get_or_create_static_default(),
            socket_options=options,
            connect_message_amender=MessageAmendment.create_static_authtoken_amender(
                os.environ[_TOKEN]
            ),
        )
        try:
            self._done(lambda: self._connection.connect(LifecycleHandler()))
        except NucleusError:
            self.close()
            raise
        client = GreengrassCoreIPCClient(self._connection)
        self._client: Any = GreengrassCoreIPCClientV2(client, executor=None)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish to IoT Core with QoS 1: the nucleus has taken it when this returns."""
        self._done(
            lambda: self._client.publish_to_iot_core_async(
                topic_name=topic, qos="1", payload=payload
            )
        )

    def configuration(self, key: str) -> dict[str, Any]:
        """One key of the component's configuration, as the deployments have merged it."""
        try:
            answer = self._done(lambda: self._client.get_configuration_async(key_path=[key]))
        except NucleusError as error:
            if _is(error.__cause__, "ResourceNotFoundError"):
                return {}
            raise
        return dict(answer.value or {})

    def close(self) -> None:
        """End the connection, and what is being waited for; for any thread."""
        self._connection.close()

    def _done(self, begin: Callable[[], Future[Any]]) -> Any:
        """Begin a request and wait for what comes of it."""
        from awscrt.exceptions import AwsCrtError  # noqa: PLC0415

        try:
            return begin().result(self._timeout)
        except LateError as error:
            raise NucleusError(f"no answer within {self._timeout:g} s") from error
        except (AwsCrtError, RuntimeError, OSError) as error:  # the SDK's own are RuntimeErrors
            raise NucleusError(_in_words(error), _is(error, "InvalidArgumentsError")) from error


def _is(error: BaseException | None, name: str) -> bool:
    """Whether an error is of the SDK's class `name`, which is only there where the SDK is."""
    return type(error).__name__ == name


_KNOWN: Final = {
    "AccessDeniedError": "it does not know this component ($SVCUID)",
    "ConnectionClosedError": "it has hung up",
    "StreamClosedError": "it has hung up",
    "AWS_ERROR_FILE_INVALID_PATH": "its socket is not there",
    "AWS_IO_SOCKET_CLOSED": "it has hung up",
    "AWS_IO_SOCKET_CONNECTION_REFUSED": "nothing listens on its socket",
}
"""What errors of the SDK mean, by their class or the name that AWS gave them."""


def _in_words(error: Exception) -> str:
    """One line about an error of the SDK."""
    named = re.search(r"\bAWS_[A-Z_]+", str(error))  # some come as a plain RuntimeError
    kind = getattr(error, "name", None) or (named[0] if named else type(error).__name__)
    if kind in _KNOWN:
        return _KNOWN[kind]
    detail = getattr(error, "message", None) or str(error)
    return " ".join(f"{kind.removesuffix('Error')}: {detail}".split())
