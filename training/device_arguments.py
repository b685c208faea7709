"""The flags of `emotion-train train` that say where it trains; they do not change the result."""

from __future__ import annotations

import argparse
import re
from typing import Final

from training.errors import TrainingError

_DEVICES: Final = re.compile(r"auto|gpu:all|[cg]pu:[1-9][0-9]{0,2}")
_WORKER: Final = re.compile(r"[^\s,]+:[0-9]{1,5}")


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    add = parser.add_argument_group(
        "devices", "where to train; a run may be taken up on other devices"
    ).add_argument
    add(
        "--devices",
        type=_devices,
        default="auto",
        metavar="KIND:COUNT",
        help="gpu:2, gpu:all or cpu:2 (parts of the CPU); default: all GPUs, else the CPU",
    )
    add(
        "--workers",
        type=_workers,
        default=(),
        metavar="HOST:PORT,HOST:PORT",
        help="all hosts that train together, the one that keeps the run first",
    )
    add("--worker", type=int, metavar="N", help="this host's place among the workers, from 0")


def workers_from(arguments: argparse.Namespace) -> tuple[tuple[str, ...], int]:
    """All workers (none: this host trains alone) and this one's place among them."""
    workers: tuple[str, ...] = arguments.workers
    worker: int | None = arguments.worker
    if not workers and worker is None:
        return (), 0
    if worker is None or not 0 <= worker < len(workers):
        raise TrainingError(
            "--workers names all hosts, and --worker says which of them this is, from 0 on"
        )
    return workers, worker


def _devices(text: str) -> str:
    if not _DEVICES.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not auto, gpu:all, gpu:N or cpu:N")
    return text


def _workers(text: str) -> tuple[str, ...]:
    workers = tuple(text.split(","))
    if len(set(workers)) < 2 or not all(map(_WORKER.fullmatch, workers)):
        raise argparse.ArgumentTypeError(f"{text!r} is not two or more HOST:PORT")
    return workers
