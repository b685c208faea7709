"""`emotion-convert --to mar`: a finished model's folder as an archive for model servers.

It needs no Keras and no data: it packs what the other targets have made and checked.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agent.errors import AgentError
from agent.runtimes.catalogue import find_model
from handlers.mms.archive import SUFFIX, write_archive

TARGET: Final = "mar"


def is_asked_for(argv: Sequence[str]) -> bool:
    """Whether the command line names this target; raises `AgentError` if it names others too."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--to", default="")
    targets = [name.strip() for name in str(parser.parse_known_args(argv)[0].to).split(",")]
    if TARGET in targets and len(set(targets)) > 1:
        raise AgentError(
            f"--to {TARGET} packs a finished model: convert first, then run it by itself"
        )
    return TARGET in targets


def run(argv: Sequence[str]) -> int:
    """Write the archive; raises `AgentError` where that cannot be. Wrong usage ends with 2."""
    arguments = _parser().parse_args(argv)
    folder = find_model(arguments.model)
    out: Path = arguments.out
    if out.suffix != SUFFIX:
        raise AgentError(f"--out {out}: the servers only take archives that end in {SUFFIX}")
    size = write_archive(out, folder)
    print(f"written to {out}, {size / 1e6:.1f} MB")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"emotion-convert --to {TARGET}",
        description="Pack a model with its detector, code and handler into an archive for MXNet "
        "Model Server and TorchServe. The same input gives the same bytes.",
    )
    add = parser.add_argument
    add("model", nargs="?", default="fer-compact", help="a shipped model, or a model's folder")
    add("--to", required=True, choices=(TARGET,))
    add("--out", type=Path, required=True, metavar="FILE.mar")
    return parser
