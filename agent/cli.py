"""The command `emotion-agent`."""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from agent import __version__
from agent.commands import calibrate, doctor, events, mqtt, settings, sounds, web
from agent.errors import AgentError
from agent.layers import Loaded, load_with_origins, parse_override
from agent.quiet import fill_standard_streams, own_errors
from agent.settings import Settings

logger = logging.getLogger(__name__)

_DEFAULT_FILE: Final = Path("/etc/emotion-agent/agent.toml")

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status (0 well, 1 failed, 2 wrong usage, 130 interrupted)."""
    fill_standard_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names need not be UTF-8
    arguments = _parser().parse_args(argv)
    _log_to_stderr(arguments.verbose)
    command: Command = arguments.command
    try:
        return command(arguments)
    except AgentError as error:
        for line in str(error).splitlines():
            print(f"emotion-agent: error: {line}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("emotion-agent: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has gone; a second error while flushing would say so in vain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(arguments: argparse.Namespace) -> int:
    from agent.service import run  # noqa: PLC0415  # OpenCV and LiteRT take a second to load

    settings, origins = _loaded(arguments)
    file = _file(arguments)
    if file is not None and "source.uri" not in origins:
        logger.warning(
            "%s sets no source.uri: the demo plays, and its events go where a camera's would; "
            "a camera is source.uri = '/dev/video0'",
            file,
        )
    summary = run(settings, lambda: _settings(arguments), file)
    print(f"emotion-agent: {summary}", file=sys.stderr)
    return 0


def _classify(arguments: argparse.Namespace) -> int:
    from agent.classify import classify  # noqa: PLC0415

    failed = False
    for result in classify(arguments.paths, _settings(arguments), detect=not arguments.no_detect):
        failed |= result.error is not None
        if arguments.json:
            print(json.dumps(result.as_dict()), flush=True)
        else:
            stream = sys.stderr if result.error is not None else sys.stdout
            print(result.as_text(), file=stream, flush=True)
    return 1 if failed else 0


def _bench(arguments: argparse.Namespace) -> int:
    from agent.bench import as_table, bench  # noqa: PLC0415

    unpaced = _settings(arguments, {"source.pace": "none", "source.loop": True})
    result = bench(unpaced, arguments.frames, arguments.feedback)
    print(json.dumps(result, indent=2) if arguments.json else as_table(result))
    return 0


def _models_list(_: argparse.Namespace) -> int:
    from agent import downloads  # noqa: PLC0415
    from agent.runtimes.catalogue import installed_models  # noqa: PLC0415

    print("Expression models")
    for folder, manifest in installed_models():
        kinds = ", ".join(f"{file.runtime} {file.precision}" for file in manifest.files)
        print(f"  {manifest.model_id:22} {kinds:15} {folder}")
    print("To fetch with `emotion-agent models pull NAME`")
    for entry in downloads.CATALOGUE:
        place = downloads.find(entry.name) or "not here"
        size = f"{entry.bytes / 1e6:.1f} MB"
        print(f"  {entry.name:22} {size:>7}  {entry.licence}, {entry.origin}: {place}")
    return 0


def _models_pull(arguments: argparse.Namespace) -> int:
    from agent.downloads import pull  # noqa: PLC0415

    pull(arguments.names or ["detectors", "demo"], report=lambda line: print(line, flush=True))
    return 0


def _settings(arguments: argparse.Namespace, forced: dict[str, Any] | None = None) -> Settings:
    """The effective settings."""
    return _loaded(arguments, forced).settings


def _loaded(arguments: argparse.Namespace, forced: dict[str, Any] | None = None) -> Loaded:
    """The effective settings: `--set` first, then the flags that have a name of their own."""
    overrides: dict[str, Any] = dict(parse_override(text) for text in arguments.set or [])
    flags = {
        "source.uri": getattr(arguments, "source", None),
        "source.pace": getattr(arguments, "pace", None),
        "source.loop": False if getattr(arguments, "until_end", False) else None,
        "events.file": getattr(arguments, "events", None),
        "faces.detector": getattr(arguments, "detector", None),
        "runtime.model": getattr(arguments, "model", None),
    }
    overrides |= {key: value for key, value in flags.items() if value is not None}
    return load_with_origins(_file(arguments), overrides | (forced or {}))


def _file(arguments: argparse.Namespace) -> Path | None:
    """The settings file, if there is one."""
    file: Path | None = arguments.config
    return _DEFAULT_FILE if file is None and _DEFAULT_FILE.exists() else file


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="emotion-agent", description="Reads facial expressions from a camera, over time."
    )
    parser.add_argument("--version", action="version", version=f"emotion-agent {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell more on standard error")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = _command(commands, "run", _run, "read a source until it ends or Ctrl-C")
    _with_settings(run)
    run.add_argument("--source", metavar="URI", help="demo, a file, a folder, /dev/video0, a URL")
    run.add_argument(
        "--pace", choices=("real", "none"), help="files: at their own rate, or every frame at once"
    )
    run.add_argument("--until-end", action="store_true", help="stop where the source ends")
    run.add_argument(
        "--events", metavar="FILE", help="append events as JSON lines; - is standard output"
    )

    classify = _command(commands, "classify", _classify, "read pictures once")
    _with_settings(classify)
    classify.add_argument("paths", nargs="+", metavar="PATH", help="pictures, or folders of them")
    classify.add_argument("--json", action="store_true", help="one JSON object a picture")
    classify.add_argument(
        "--no-detect", action="store_true", help="take each whole picture as the face"
    )

    bench = _command(commands, "bench", _bench, "measure speed and memory on one core")
    _with_settings(bench)
    bench.add_argument("--source", metavar="URI", help="what to run over; default: demo")
    bench.add_argument("--frames", type=_positive, default=300, help="default: %(default)s")
    bench.add_argument(
        "--feedback",
        type=_positive,
        nargs="?",
        const=100,
        default=0,
        metavar="N",
        help="also time frame to first audio sample and frame to MQTT broker, over N events "
        "(default: %(const)s)",
    )
    bench.add_argument("--json", action="store_true", help="print JSON")

    models = commands.add_parser("models", help="list or fetch models and detector weights")
    actions = models.add_subparsers(required=True, metavar="ACTION")
    _command(actions, "list", _models_list, "what is here and what can be fetched")
    pull = _command(actions, "pull", _models_pull, "fetch by name, each checked by its hash")
    pull.add_argument("names", nargs="*", metavar="NAME", help="default: detectors and demo")

    settings.add_to(commands, _loaded, _with_settings, _DEFAULT_FILE)
    calibrate.add_to(commands, _settings, _with_settings)
    doctor.add_to(commands, _loaded, _with_settings)
    events.add_to(commands, _settings)
    mqtt.add_to(commands, _settings)
    sounds.add_to(commands, _settings)
    web.add_to(commands)
    return parser


def _command(commands: Any, name: str, run: Command, what: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what)
    parser.set_defaults(command=run)
    return parser


def _with_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help=f"default: {_DEFAULT_FILE}")
    parser.add_argument(
        "--set", action="append", metavar="KEY=VALUE", help="a setting by its full name"
    )
    parser.add_argument("--detector", metavar="NAME", help="blazeface, yunet or haar")
    parser.add_argument("--model", metavar="NAME", help="a shipped model, or a model's folder")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _log_to_stderr(verbose: bool) -> None:
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="emotion-agent: %(message)s" if not verbose else "%(asctime)s %(name)s: %(message)s",
        stream=own_errors(),
    )


if __name__ == "__main__":
    sys.exit(main())
