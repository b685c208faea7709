"""The agent and its alternatives over the same film on one core: `make bench`.

usage: peers.py [--only NAME] [--openvino FOLDER] [--rounds N] [--seconds S] [--json FILE]
                [--update FILE.md]

Each candidate runs in an environment and a process of its own. All are started first, one after the
other, and then take turns on the same core, the agent between any two of them: a machine that
becomes faster or slower does so for all. All times are the processor's, so that a busy machine
falsifies them less: frames/s is what a core of its own gives. Start is until the first frame is
read. A candidate that cannot run here is named with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import cv2

from agent import downloads
from agent.errors import AgentError
from benchmarks.candidates.environments import BUILD, UnavailableError
from benchmarks.candidates.listing import Candidate, Footage, chosen
from benchmarks.candidates.processes import FilmReader
from benchmarks.tables import as_markdown, place, updated
from benchmarks.turns import ratios, summed, take_turns

WIDTH, HEIGHT = 640, 480
REFERENCE: Final = "agent"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all candidates and print the table; 2 for a wrong argument or missing footage."""
    options = _arguments(arguments)
    try:
        for page in options.update:
            place(_page(page))
        listed = chosen(options.only, options.openvino)
        footage = make_footage(BUILD)
    except AgentError as error:
        _say(str(error))
        return 2
    result = compare(listed, footage, options.rounds, options.seconds)
    print(as_markdown(result))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=1) + "\n")
    for page in options.update:
        page.write_text(updated(_page(page), result))
    return 0


def compare(
    listed: Sequence[Candidate], footage: Footage, rounds: int, seconds: float
) -> dict[str, Any]:
    """One result or reason for each candidate, and where and when it was measured."""
    reasons: dict[str, str] = {}
    prepared = [candidate for candidate in listed if _is_ready(candidate, reasons)]
    core, load = pin_to_one_core(), os.getloadavg()[0]
    with ExitStack() as stack:
        readers: dict[str, FilmReader] = {}
        for candidate in prepared:
            _say(f"starting {candidate.title}")
            try:
                readers[candidate.name] = reader = candidate.film(footage)
                stack.callback(reader.close)
            except UnavailableError as error:
                reasons[candidate.name] = str(error)
        _say(f"{rounds} rounds of turns")
        turns, failures = take_turns(readers, rounds, seconds, REFERENCE)
    reasons |= failures
    over = ratios(turns, REFERENCE)
    rows: dict[str, dict[str, Any]] = {}
    for candidate in listed:
        name = candidate.name
        if name in reasons:
            rows[name] = {"title": candidate.title, "reason": reasons[name]}
            continue
        own = summed([turn for turn in turns if turn.name == name], over.get(name, []))
        rows[name] = {"title": candidate.title, **readers[name].about, **own}
    about = {"film": f"{WIDTH}x{HEIGHT}", "rounds": rounds, "core": core, "load": load}
    return {
        "machine": {**machine(), **about, "load_after": os.getloadavg()[0]},
        "candidates": rows,
    }


def make_footage(folder: Path) -> Footage:
    """The demo's film letterboxed to 640x480, as a film and as RGB frames one after the other.

    Raises `AgentError` where the demo footage was not pulled.
    """
    film, raw = folder / "footage.mp4", folder / "footage.rgb"
    if film.is_file() and raw.is_file():
        return Footage(film, raw)
    folder.mkdir(parents=True, exist_ok=True)
    demo = cv2.VideoCapture(str(downloads.require("single_face.mp4")))
    writer = cv2.VideoWriter(
        str(film), cv2.VideoWriter.fourcc(*"mp4v"), demo.get(cv2.CAP_PROP_FPS), (WIDTH, HEIGHT)
    )
    while True:
        good, image = demo.read()
        if not good:
            break
        writer.write(letterboxed(image))
    writer.release()
    # The frames as the film has them, so that every candidate sees the same.
    made = cv2.VideoCapture(str(film))
    with (folder / "footage.part").open("wb") as stream:
        while True:
            good, image = made.read()
            if not good:
                break
            stream.write(cv2.cvtColor(image, cv2.COLOR_BGR2RGB).tobytes())
    (folder / "footage.part").replace(raw)
    return Footage(film, raw)


def letterboxed(image: Any) -> Any:
    """A picture (H x W x 3) on a black 640x480, as large as fits."""
    height, width = image.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height)
    fit = cv2.resize(image, (round(width * scale), round(height * scale)))
    down, across = HEIGHT - fit.shape[0], WIDTH - fit.shape[1]
    edges = (down // 2, down - down // 2, across // 2, across - across // 2)
    return cv2.copyMakeBorder(fit, *edges, cv2.BORDER_CONSTANT)


def machine() -> dict[str, str]:
    """What the numbers were measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text() if cpuinfo.exists() else ""
    found = re.search(r"^model name\s*: (.+)$", lines, re.MULTILINE)
    return {
        "processor": found[1] if found else platform.machine(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def pin_to_one_core() -> int:
    """Keep this process, and all that it starts, on the last core it may use."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def _is_ready(candidate: Candidate, reasons: dict[str, str]) -> bool:
    try:
        candidate.ready(_say)
    except UnavailableError as error:
        reasons[candidate.name] = str(error)
        return False
    return True


def _page(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise AgentError(f"{file}: cannot be updated: {error}") from None


def _say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--only", action="append", metavar="NAME", help="only these; repeatable")
    parser.add_argument(
        "--openvino",
        metavar="FOLDER",
        default=os.environ.get("OPENVINO_MODELS"),
        help="with the Open Model Zoo's files; default: $OPENVINO_MODELS",
    )
    parser.add_argument("--rounds", type=_rounds, default=10, help="default: %(default)s")
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="least for each turn; default: %(default)s"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", default=BUILD / "bench.json")
    parser.add_argument(
        "--update",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.md",
        help="replace the table in this page; repeatable",
    )
    return parser.parse_args(arguments)


def _rounds(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


_Plain = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    sys.exit(main())
