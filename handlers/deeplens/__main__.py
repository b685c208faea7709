"""`python -m handlers.deeplens`: writes the function's zip and the model archive."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.emotion import manifest as manifests
from agent.errors import AgentError
from agent.layers import load, parse_override
from agent.runtimes.catalogue import find_model
from handlers.deeplens.project import function_files, model_files, tarred, zipped


def main(argv: Sequence[str] | None = None) -> int:
    """Write both; returns 1, with one line that says why, where that cannot be."""
    arguments = _parser().parse_args(argv)
    try:
        overrides = dict(map(parse_override, arguments.set or []))
        settings = load(arguments.config, overrides)
        model = find_model(settings.runtime.model)
        name = manifests.read(model).name
        out: Path = arguments.out
        _write(out / f"deeplens-{name}.zip", zipped(function_files(settings, model, arguments.sdk)))
        _write(out / f"{name}-model.tar.gz", tarred(model_files(model)))
    except AgentError as error:
        print(f"emotion-agent deeplens: error: {error}", file=sys.stderr)
        return 1
    return 0


def _write(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all, and say so."""
    draft = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        raise AgentError(f"{path}: cannot be written: {error.strerror or error}") from None
    print(f"written to {path}, {len(content) / 1e6:.1f} MB")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m handlers.deeplens",
        description="Write the Lambda function and the model archive of an AWS DeepLens project.",
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="DIR")
    add("--sdk", type=Path, required=True, metavar="FILE.whl", help="the wheel of greengrasssdk")
    add("--config", type=Path, metavar="FILE", help="settings that the board is to have")
    add("--set", action="append", metavar="KEY=VALUE", help="one setting, as in audio.enabled=true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
