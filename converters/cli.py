"""The command `emotion-convert`: from a trained Keras model to the files that the agent loads."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from agent.emotion.manifest import Crop
from agent.errors import AgentError, ModelError
from converters.targets import TARGETS
from converters.targets.target import Target
from training.errors import TrainingError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_EXTRA: Final = ("keras", "tensorflow", "tqdm")
_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count


def main(argv: Sequence[str] | None = None) -> int:
    """Convert; returns 0, 1 for bad input or a file over the limits, 130 for Ctrl-C.

    Wrong usage ends with 2 by argparse.
    """
    arguments = _parser().parse_args(argv)
    try:
        return _run(arguments)
    except (AgentError, TrainingError) as error:
        return _fail(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}")
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        return _fail(f"{error.name} is not installed: pip install 'emotion-agent[convert]'")
    except KeyboardInterrupt:
        print("emotion-convert: interrupted; nothing was written", file=sys.stderr)
        return _INTERRUPTED


def _run(arguments: argparse.Namespace) -> int:
    crops = _read_crops(arguments.crops) if arguments.crops else None
    for path in (arguments.model, arguments.data):
        if not path.is_file():
            raise ModelError(f"{path}: no such file")
    from training.backend import load_keras  # noqa: PLC0415

    load_keras()
    from converters.conversion import Job, convert  # noqa: PLC0415 - takes seconds to load

    job = Job(
        model=arguments.model,
        data=arguments.data,
        out=arguments.out,
        name=arguments.name,
        version=arguments.version,
        targets=arguments.to,
        crops=crops,
        licence=arguments.licence,
        verbose=arguments.verbose,
    )
    report = convert(job, lambda line: print(line, file=sys.stderr, flush=True))
    print(report.text())
    if report.complaints:
        return _fail(f"nothing was written to {arguments.out}: {'; '.join(report.complaints)}")
    print(f"written to {arguments.out}")
    return 0


def _fail(message: str) -> int:
    print(f"emotion-convert: error: {' '.join(message.split())}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="emotion-convert",
        description="Convert a trained Keras model, compare every file with it, and write the "
        "model's folder only if all of them still say the same.",
    )
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL.keras", help="trained model that gives logits")
    add("--to", type=_targets, required=True, metavar="TARGETS", help=_TO_HELP)
    add("--data", type=Path, required=True, metavar="FILE", help="FER+ arrays to judge by")
    add("--out", type=Path, required=True, metavar="DIR", help="the model's folder")
    add("--name", type=_name, required=True, help="as the settings name it: fer-compact")
    add("--version", required=True, help="of the model: 1.0.0")
    add("--licence", default="Apache-2.0", help="default: %(default)s")
    add("--crops", type=Path, metavar="FILE", help=_CROPS_HELP)
    add("--verbose", action="store_true", help="show what the libraries print")
    return parser


_TO_HELP: Final = f"all, or some of {','.join(TARGETS)}"
_CROPS_HELP: Final = (
    "TOML with a table for each detector, [blazeface] margin = 0.3, drop = 0.05 "
    "(default: those of a manifest in DIR)"
)


def _targets(text: str) -> list[Target]:
    if text == "all":
        return list(TARGETS.values())
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"unknown target '{unknown[0]}'; the targets are all, {', '.join(TARGETS)}"
        )
    return [TARGETS[name] for name in dict.fromkeys(names)]


def _name(text: str) -> str:
    if not re.fullmatch("[a-z0-9][a-z0-9-]*", text):
        raise argparse.ArgumentTypeError(f"{text!r}: small letters, digits and hyphens only")
    return text


def _read_crops(path: Path) -> dict[str, Crop]:
    """Crops by detector; raises `ModelError` naming the file and what is wrong in it."""
    try:
        with path.open("rb") as stream:
            tables: dict[str, Any] = tomllib.load(stream)
        return TypeAdapter(dict[str, Crop]).validate_python(tables)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not valid TOML: {error}") from None
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
        )
        raise ModelError(f"{path}: {problems}") from None
