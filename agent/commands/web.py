"""`emotion-agent web`: make what the page asks those who come in for."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import Any

from agent.errors import AgentError


def add_to(commands: Any) -> None:
    """Add the command."""
    web = commands.add_parser("web", help="make a password or a token for the page")
    actions = web.add_subparsers(required=True, metavar="ACTION")
    what = "ask for a password (or read it from standard input) and print web.password_hash"
    password = actions.add_parser("password", help=what, description=what)
    password.set_defaults(command=_password)
    what = "print a new value for web.token"
    token = actions.add_parser("token", help=what, description=what)
    token.set_defaults(command=_token)


def _password(_: argparse.Namespace) -> int:
    from agent.feedback.web.credentials import hashed  # noqa: PLC0415

    if sys.stdin.isatty():
        given = getpass.getpass("Password: ")
        if getpass.getpass("Once more: ") != given:
            raise AgentError("these were two different passwords")
    else:
        given = sys.stdin.readline().rstrip("\n")
    if len(given) < 8:
        raise AgentError("the password is too short: take 8 characters or more")
    print(hashed(given))
    return 0


def _token(_: argparse.Namespace) -> int:
    from agent.feedback.web.credentials import new_token  # noqa: PLC0415

    print(new_token())
    return 0
