"""`emotion-convert --to mar`: a finished model's folder as an archive for model servers.

It needs no Keras and no data: it packs what the other targets have made and checked.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agent.emotion import manifest as manifests
from agent.errors import AgentError
from agent.runtimes.catalogue import find_model
from handlers.mms.archive import SUFFIX, write_archive

TARGET: Final = "mar"


def is_all(argv: Sequence[str]) -> bool:
    """Whether a command line asks for an archive and no conversion."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--to", default="")
    return str(parser.parse_known_args(argv)[0].to).strip() == TARGET


def among(text: str) -> tuple[str, bool]:
    """The targets of `--to` without this one, and whether it is among them or all are wanted."""
    names = [name.strip() for name in text.split(",")]
    others = ",".join(name for name in names if name != TARGET)
    return others, TARGET in names or others == "all"


def pack(folder: Path) -> str:
    """Write the archive of a folder just converted into it; returns a line about it.

    Raises `ModelError` where the folder has no int8 TFLite file, which the handler runs.
    """
    archive = folder / f"{manifests.read(folder).name}{SUFFIX}"
    return f"written to {archive}, {write_archive(archive, folder) / 1e6:.1f} MB"


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
