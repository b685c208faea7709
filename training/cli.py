"""The command `emotion-train`: prepare the data, look at it, train, measure, survey crops."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agent.emotion import manifest
from agent.errors import AgentError
from training import device_arguments, plan_arguments, process
from training.backend import load_keras
from training.candidate import open_candidate
from training.errors import TrainingError
from training.evaluate import evaluate, write
from training.ferplus import PARTS, load_arrays
from training.plan_arguments import count
from training.targets import MODES

_DATA: Final = Path("build/ferplus.npz")
_RUNS: Final = Path("build/train")
_DEFAULT: Final = "default: %(default)s"
_EXTRA: Final = ("keras", "tensorflow", "matplotlib", "optuna", "tqdm")
_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns 0, 1 for bad input, 130 for Ctrl-C (argparse exits with 2)."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (TrainingError, AgentError) as error:
        return _fail(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}")
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        return _fail(f"{error.name} is not installed: pip install 'emotion-agent[train]'")
    except KeyboardInterrupt:
        print(f"emotion-train: interrupted{_left_behind(arguments)}", file=sys.stderr)
        return _INTERRUPTED
    return 0


def _fail(message: str) -> int:
    print(f"emotion-train: error: {' '.join(message.split())}", file=sys.stderr)
    return 1


def _left_behind(arguments: argparse.Namespace) -> str:
    if arguments.command == "prepare":
        return "; nothing was written"
    if arguments.command == "tune":
        return f"; the search is kept in {arguments.out}: the same command goes on with it"
    if arguments.command != "train":
        return ""
    folder = _run_folder(arguments)
    if not (folder / "checkpoint.npz").exists():
        return "; no epoch was finished, nothing is kept"
    return (
        f"; the last finished epoch is kept in {folder}: the same command takes the run up "
        "from there (without --fresh)"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="emotion-train",
        description="Train the FER+ expression model, from the tables to a measured network.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_prepare(commands.add_parser("prepare", help="read the downloaded tables, keep one file"))
    _add_process(commands.add_parser("process", help="count pictures by class and target mode"))
    _add_train(commands.add_parser("train", help="train a model, or take a stopped run up"))
    _add_average(commands.add_parser("average", help="one model from several runs"))
    _add_adjust(commands.add_parser("adjust", help="have a model name rare emotions more often"))
    _add_tune(commands.add_parser("tune", help="search for the plan that reads best"))
    _add_evaluate(commands.add_parser("evaluate", help="measure a model and plot the result"))
    _add_robustness(
        commands.add_parser("robustness", help="measure a model on blurred, small, shifted faces")
    )
    _add_report(commands.add_parser("report", help="one page about a model, and its model card"))
    _add_crops(commands.add_parser("crops", help="measure how detectors frame the pictures"))
    return parser


def _add_prepare(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_prepare)
    parser.add_argument(
        "--fer2013", type=Path, required=True, metavar="FILE", help="fer2013.csv or fer2013.tar.gz"
    )
    parser.add_argument(
        "--ferplus", type=Path, required=True, metavar="FILE", help="fer2013new.csv, the votes"
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--out", type=Path, default=_DATA, metavar="FILE", help="array file (default: %(default)s)"
    )
    place.add_argument(
        "--tree", type=Path, metavar="DIR", help="write PNG pictures and label.csv files instead"
    )
    parser.add_argument("--force", action="store_true", help="replace the tree that DIR holds")


def _prepare(arguments: argparse.Namespace) -> None:
    from training.prepare import prepare_arrays, prepare_tree  # noqa: PLC0415  # needs tqdm

    tables = arguments.fer2013, arguments.ferplus
    if arguments.tree:
        done = prepare_tree(*tables, arguments.tree, arguments.force)
    else:
        done = prepare_arrays(*tables, arguments.out)
    print(done.summary())


def _add_process(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_process)
    _add_data(parser)
    parser.add_argument("--targets", choices=(*MODES, "all"), default="all", help="target mode")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _process(arguments: argparse.Namespace) -> None:
    modes = MODES if arguments.targets == "all" else (arguments.targets,)
    counts = process.count(load_arrays(arguments.data), modes)
    if arguments.json:
        print(json.dumps(process.as_dict(counts), indent=2))
    else:
        print(process.table(counts))


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_train)
    _add_data(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="run folder (default: build/train/MODEL)"
    )
    parser.add_argument("--fresh", action="store_true", help="forget the run that DIR holds")
    parser.add_argument(
        "--tensorboard", action="store_true", help="write the curves for TensorBoard, too"
    )
    device_arguments.add_to(parser)
    plan_arguments.add_to(parser)


def _train(arguments: argparse.Namespace) -> None:
    plan = plan_arguments.plan_from(arguments)
    plan.require_files()  # reading the data and loading Keras take a while
    data = load_arrays(arguments.data)
    load_keras()
    from training.engine import engine  # noqa: PLC0415  # needs Keras, seconds to load
    from training.train import train  # noqa: PLC0415

    workers, worker = device_arguments.workers_from(arguments)
    folder = _run_folder(arguments)
    with engine().open_devices(arguments.devices, workers, worker) as devices:
        curves = engine().curves(folder) if arguments.tensorboard and devices.chief else None
        result = train(data, plan, folder, arguments.fresh, curves, devices)
    print(f"the model is {result}" if devices.chief else "done; the first worker has the model")


def _run_folder(arguments: argparse.Namespace) -> Path:
    folder: Path = arguments.out or _RUNS / plan_arguments.plan_from(arguments).model
    return folder


def _add_average(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_average)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL.keras", help="of such runs")
    parser.add_argument(
        "--shares",
        type=plan_arguments.above_zero,
        nargs="+",
        metavar="SHARE",
        help="of each model, in the same order (default: equal)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for model.keras")


def _average(arguments: argparse.Namespace) -> None:
    from training.soup import average  # noqa: PLC0415  # needs Keras, seconds to load

    models = arguments.models
    shares = arguments.shares or [1.0] * len(models)
    print(f"the model is {average(models, shares, arguments.out)}")


def _add_adjust(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_adjust)
    _add_data(parser)
    parser.add_argument("model", type=Path, metavar="MODEL.keras")
    parser.add_argument(
        "--at-least",
        type=plan_arguments.share,
        required=True,
        metavar="SHARE",
        help="emotions rarer than this are expected as if they were that frequent",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for model.keras")


def _adjust(arguments: argparse.Namespace) -> None:
    data = load_arrays(arguments.data)
    load_keras()
    from training.logit_adjustment import adjust  # noqa: PLC0415  # needs Keras, seconds to load

    made = adjust(arguments.model, data, arguments.at_least, arguments.out)
    print(f"the model is {made}")


def _add_tune(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_tune)
    _add_data(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("build/tune"),
        metavar="DIR",
        help="folder of the search, taken up if it is there; " + _DEFAULT,
    )
    parser.add_argument("--trials", type=count, default=30, help=_DEFAULT)
    plan_arguments.add_to(parser)


def _tune(arguments: argparse.Namespace) -> None:
    usual = plan_arguments.plan_from(arguments)
    data = load_arrays(arguments.data)
    load_keras()
    from training.tuning import tune, write_plots  # noqa: PLC0415  # needs Keras and Optuna

    found = tune(data, usual, arguments.out, arguments.trials, say=_tell)
    print(found.text())
    for path in write_plots(arguments.out):
        print(f"written {path}", file=sys.stderr)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_evaluate)
    _add_measured_model(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write metrics.json and the plots there"
    )


def _add_measured_model(parser: argparse.ArgumentParser, json_too: bool = True) -> None:
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        help="a .keras file, a .tflite file, or a model folder with a manifest",
    )
    _add_data(parser)
    parser.add_argument(
        "--part", choices=tuple(PARTS.values()), default="valid", help="default: %(default)s"
    )
    parser.add_argument(
        "--precision", choices=("int8", "float32"), help="which file of a model folder"
    )
    parser.add_argument("--threads", type=count, default=2, help="for .tflite; " + _DEFAULT)
    if json_too:
        parser.add_argument("--json", action="store_true", help="print JSON")


def _evaluate(arguments: argparse.Namespace) -> None:
    data = load_arrays(arguments.data)
    model: Path = arguments.model
    candidate = open_candidate(model, arguments.precision, arguments.threads)
    found = evaluate(candidate, data, arguments.part)
    print(json.dumps(found.as_dict(), indent=2) if arguments.json else found.text())
    if arguments.out:
        for path in write(found, arguments.out, _history(model)):
            print(f"written {path}", file=sys.stderr)


def _add_robustness(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_robustness)
    _add_measured_model(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write robustness.json and the plot there"
    )


def _robustness(arguments: argparse.Namespace) -> None:
    from training.robustness import survey, write  # noqa: PLC0415  # needs tqdm

    candidate = open_candidate(arguments.model, arguments.precision, arguments.threads)
    found = survey(candidate, load_arrays(arguments.data), arguments.part)
    print(json.dumps(found.as_dict(), indent=2) if arguments.json else found.text())
    if arguments.out:
        for path in write(found, arguments.out):
            print(f"written {path}", file=sys.stderr)


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_report)
    _add_measured_model(parser, json_too=False)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("build/report"),
        metavar="DIR",
        help="for the page and its plots; " + _DEFAULT,
    )
    parser.add_argument(
        "--card", action="store_true", help="write the model card into the model's folder, too"
    )


def _report(arguments: argparse.Namespace) -> None:
    from training.report import examine, write_report  # noqa: PLC0415  # needs tqdm

    model: Path = arguments.model
    if arguments.card and not (model / manifest.FILE_NAME).is_file():
        raise TrainingError(f"{model}: --card wants a model's folder, with its manifest.json")
    candidate = open_candidate(model, arguments.precision, arguments.threads)
    data = load_arrays(arguments.data)
    found = examine(candidate, data, arguments.part, _history(model), say=_tell)
    written = write_report(found, arguments.out)
    if arguments.card:
        from training.model_card import write_card  # noqa: PLC0415

        written.append(write_card(manifest.read(model), found, model))
    for path in written:
        print(f"written {path}")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _history(model: Path) -> Path:
    """Where the curves of a model's run would be."""
    return (model if model.is_dir() else model.parent) / "history.csv"


def _add_crops(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_crops)
    _add_data(parser)
    parser.add_argument(
        "--detectors",
        nargs="+",
        metavar="NAME",
        default=["blazeface", "haar"],
        help="blazeface, yunet or haar (default: %(default)s)",
    )
    parser.add_argument(
        "--count", type=plan_arguments.count, default=1500, help="pictures; " + _DEFAULT
    )


def _crops(arguments: argparse.Namespace) -> None:
    from agent.faces.detectors import open_detector  # noqa: PLC0415  # loads LiteRT
    from agent.layers import load  # noqa: PLC0415
    from training.crop_survey import run  # noqa: PLC0415

    settings = [load(overrides={"faces.detector": name}).faces for name in arguments.detectors]
    run(map(open_detector, settings), load_arrays(arguments.data)["train"].images, arguments.count)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        default=_DATA,
        metavar="FILE",
        help="what prepare wrote (default: %(default)s)",
    )
