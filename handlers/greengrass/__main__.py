"""`python -m handlers.greengrass`: builds the component, and is its run step on a core device."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.errors import AgentError
from handlers.greengrass import artifact, component, recipe


def main(argv: Sequence[str] | None = None) -> int:
    """Build or run; returns 1 where that cannot be, after a line that says why."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.action == "run":
            component.run(arguments.work)
        files = artifact.contents(arguments.wheel, arguments.lock)
        written = artifact.write(arguments.out, files, arguments.bucket, arguments.name)
    except AgentError as error:
        print(f"emotion-agent greengrass: error: {error}", file=sys.stderr)
        return 1
    for path in written:
        print(f"{path}  {path.stat().st_size} bytes")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m handlers.greengrass",
        description="The agent as a component of AWS IoT Greengrass v2.",
    )
    actions = parser.add_subparsers(required=True, dest="action", metavar="ACTION")
    build = actions.add_parser("build", help="write artifact and recipes (`make greengrass`)")
    add = build.add_argument
    add("--wheel", type=Path, required=True, metavar="FILE", help="of this project")
    add("--lock", type=Path, required=True, metavar="FILE", help="all that it needs, with hashes")
    add("--out", type=Path, default=Path("dist/greengrass"), metavar="DIR", help=_DEFAULT)
    add("--bucket", type=_bucket, default="s3://BUCKET", metavar="s3://...", help=_BUCKET_HELP)
    add("--name", type=_name, default=recipe.NAME, help=f"of the component; {_DEFAULT}")
    run = actions.add_parser("run", help="the run step: needs a nucleus that has started it")
    run.add_argument("work", type=Path, metavar="DIR", help="the component's work folder")
    return parser


_DEFAULT = "default: %(default)s"
_BUCKET_HELP = "folder in S3 for the artifact; a local deployment needs none"


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", text):
        raise argparse.ArgumentTypeError(f"{text!r}: letters, digits, '-', '_' and '.' only")
    return text


def _bucket(text: str) -> str:
    if not re.fullmatch(r"s3://[^\s/]+(/[^\s/]+)*/?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no s3://BUCKET/FOLDER")
    return text


if __name__ == "__main__":
    sys.exit(main())
