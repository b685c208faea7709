"""The command `emotion-convert`: from a trained Keras model to the files that the agent loads."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from agent.emotion.manifest import Crop, Precision
from agent.errors import AgentError, ModelError
from converters import archive_command, trtexec
from converters.commands import describe, yunet
from converters.commands.arguments import model_name, wanted
from converters.targets import TARGETS
from training.backend import load_keras_to_convert
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
    try:
        return _dispatch(sys.argv[1:] if argv is None else argv)
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


def _dispatch(given: Sequence[str]) -> int:
    command = _COMMANDS.get(given[0]) if given else None
    if archive_command.is_all(given):
        return archive_command.run(given)
    if command is not None:
        return int(command.run(_command_parser(given[0], command).parse_args(given[1:])))
    return _run(_parser().parse_args(given))


def _run(arguments: argparse.Namespace) -> int:
    crops = _read_crops(arguments.crops) if arguments.crops else None
    if not arguments.model.is_file():
        raise ModelError(f"{arguments.model}: no such file")
    if not arguments.data.exists():
        raise ModelError(f"{arguments.data}: no such file or folder")
    load_keras_to_convert()
    from converters.conversion import Job, convert  # noqa: PLC0415 - takes seconds to load

    job = Job(
        model=arguments.model,
        data=arguments.data,
        out=arguments.out,
        name=arguments.name,
        version=arguments.version,
        targets=[TARGETS[name] for name in arguments.to.precisions],
        precisions=arguments.to.precisions,
        crops=crops,
        licence=arguments.licence,
        verbose=arguments.verbose,
    )
    report = convert(job, lambda line: print(line, file=sys.stderr, flush=True))
    print(report.text())
    if arguments.json is not None:
        report.write_json(arguments.json)
    if arguments.html is not None:
        from converters.page import write_page  # noqa: PLC0415

        write_page(report, f"Conversion of {arguments.model}", arguments.html)
    if report.complaints:
        return _fail(f"nothing was written to {arguments.out}: {'; '.join(report.complaints)}")
    print(f"written to {arguments.out}")
    if "tensorrt" in arguments.to.precisions:
        print(trtexec.advice(arguments.out))
    if arguments.to.archive:
        print(archive_command.pack(arguments.out))
    return 0


def _fail(message: str) -> int:
    print(f"emotion-convert: error: {' '.join(message.split())}", file=sys.stderr)
    return 1


_COMMANDS: Final[dict[str, ModuleType]] = {"describe": describe, "yunet": yunet}
"""What the first word may be instead of a model."""


def _command_parser(name: str, command: ModuleType) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"emotion-convert {name}", description=command.__doc__)
    command.add_arguments(parser)
    return parser


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="emotion-convert",
        description="Convert a trained Keras model, compare every file with it, and write the "
        "model's folder only if all of them still say the same.",
        epilog="Two other commands, each with its own --help: `describe FILE` makes somebody "
        "else's model usable, `yunet` converts the face detector. `--to mar` packs a finished "
        "model for MXNet Model Server: emotion-convert --to mar --help",
    )
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL.keras", help="trained model that gives logits")
    add("--to", type=_wanted, required=True, metavar="TARGETS", help=_TO_HELP)
    add("--data", type=Path, required=True, metavar="PLACE", help=_DATA_HELP)
    add("--out", type=Path, required=True, metavar="DIR", help="the model's folder")
    add("--name", type=model_name, help=f"as the settings name it: fer-compact {_BESIDE}")
    add("--version", help=f"of the model: 1.0.0 {_BESIDE}")
    add("--licence", help=f"such as Apache-2.0 {_BESIDE}")
    add("--crops", type=Path, metavar="FILE", help=_CROPS_HELP)
    add("--json", type=Path, metavar="FILE", help="write the report as JSON, too")
    add("--html", type=Path, metavar="FILE", help="write the report as one HTML page, too")
    add("--verbose", action="store_true", help="show what the libraries print")
    return parser


_TO_HELP: Final = (
    f"all, or some of {', '.join(TARGETS)}, mar, with commas between; tflite:int8 is one "
    "precision only; tensorrt brings onnx along"
)


class _Wanted(NamedTuple):
    precisions: dict[str, tuple[Precision, ...]]
    """By target."""
    archive: bool
    """Whether an archive for model servers is to be packed of the result."""


def _wanted(text: str) -> _Wanted:
    targets, archive = archive_command.among(text)
    return _Wanted(wanted(targets), archive)


_BESIDE: Final = "(default: that of the manifest beside the model)"
_DATA_HELP: Final = (
    "FER+ to calibrate with and to judge by: the arrays of `emotion-train prepare`, or a folder "
    "with them or with fer2013.csv (or fer2013.tar.gz) and fer2013new.csv"
)
_CROPS_HELP: Final = (
    "TOML with a table for each detector, [blazeface] margin = 0.3, drop = 0.05 "
    "(default: those of the manifest beside the model, or of one in DIR)"
)


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
