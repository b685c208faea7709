"""Keeps what the real SDK sends to the core in a file, or refuses it as a core whose queue is full.

BOARD_SPOOL: the file. BOARD_REFUSES: how many of the first messages are refused.
"""

from __future__ import annotations

import base64
import json
import os

_refused: list[object] = []


class IPCException(Exception):  # noqa: N818 - the name in the SDK
    """What the core answers where it takes no more."""


class IPCClient:
    """Takes the SDK's calls."""

    def __init__(self, endpoint: str = "localhost", port: object = None) -> None:
        pass

    def post_work(
        self,
        function_arn: str,
        input_bytes: bytes | str,
        client_context: bytes,
        invocation_type: str = "Event",
    ) -> str:
        """One message."""
        if len(_refused) < int(os.environ.get("BOARD_REFUSES", "0")):
            _refused.append(input_bytes)
            raise IPCException("queue full")
        custom = json.loads(base64.b64decode(client_context).decode())["custom"]
        payload = input_bytes if isinstance(input_bytes, str) else input_bytes.decode()
        line = {
            "topic": custom["subject"],
            "payload": json.loads(payload),
            "policy": custom.get("queueFullPolicy"),
        }
        with open(os.environ["BOARD_SPOOL"], "a") as spool:  # noqa: PTH123 - as plain as can be
            spool.write(json.dumps(line) + "\n")
        return "id"
