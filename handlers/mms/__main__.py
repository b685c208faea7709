"""`python -m handlers.mms`: serves an archive with MXNet Model Server until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from agent.errors import AgentError
from handlers.mms.installation import installed_in
from handlers.mms.server import HOST, ModelServer, Plan

_NAME: Final = "emotion-agent mms"


def main(argv: Sequence[str] | None = None) -> int:
    """Serve; returns 0 when it is told to stop, 1 where it cannot start or ends by itself."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    try:
        installation = installed_in(arguments.environment)
        plan = Plan(
            archive=arguments.archive,
            port=arguments.port,
            management_port=arguments.management_port,
            workers=arguments.workers,
            settings=dict(arguments.set or []),
        )
        with ModelServer(installation, plan, arguments.log) as server:
            _tell(_ready(server))
            _wait(server)
    except AgentError as error:
        _tell(f"error: {error}")
        return 1
    except (KeyboardInterrupt, SystemExit):
        _tell("stopped")
    return 0


def _ready(server: ModelServer) -> str:
    installation, plan = server.installation, server.plan
    return (
        f"{installation.package} {installation.version} is ready: "
        f"http://{HOST}:{plan.port}/predictions/{server.model}, {plan.workers} worker(s); "
        f"management http://{HOST}:{plan.management_port}; log {server.log} (Ctrl-C stops)"
    )


def _wait(server: ModelServer) -> None:
    """Return never; raises `AgentError` when the server ends by itself."""
    while server.process.alive:
        time.sleep(0.2)
    raise AgentError(f"the server ended: {server.process.reason()}")


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit


def _tell(line: str) -> None:
    print(f"{_NAME}: {line}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m handlers.mms",
        description="Serve an archive with MXNet Model Server on 127.0.0.1 until Ctrl-C.",
    )
    add = parser.add_argument
    add("archive", type=Path, metavar="FILE.mar", help="made by emotion-convert --to mar")
    add("--environment", type=Path, required=True, metavar="DIR", help="with a model server")
    add("--port", type=int, default=8080, help="of the inference API (default: %(default)s)")
    add("--management-port", type=int, default=8081, metavar="PORT", help="default: %(default)s")
    add("--workers", type=_positive, default=1, help="processes (default: %(default)s)")
    add("--log", type=Path, default=Path("mms.log"), metavar="FILE", help="default: %(default)s")
    add("--set", action="append", type=_pair, metavar="KEY=VALUE", help=_SET_HELP)
    return parser


_SET_HELP: Final = "a key of the server's own config.properties, as in max_request_size=20000000"


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"{text!r}: expected KEY=VALUE")
    return key.strip(), value.strip()


if __name__ == "__main__":
    sys.exit(main())
