"""The agent and its alternatives over the same film on one core: `make bench`.

usage: peers.py [--only NAME] [--openvino FOLDER] [--seconds S] [--json FILE] [--update FILE.md]

Each candidate runs in an environment and a process of its own, one after the other, all kept on the
same core. All times are the processor's, so that a busy machine falsifies them less: frames/s is
what a core of its own gives. Start is until the first frame is read. A candidate that cannot run
here is named with the reason.
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
from pathlib import Path
from typing import Any, Final

import cv2

from agent import downloads
from agent.errors import AgentError
from benchmarks.candidates.environments import BUILD, UnavailableError
from benchmarks.candidates.listing import Candidate, Footage, chosen

WIDTH, HEIGHT = 640, 480
STAGES: Final = ("decode", "detect", "track", "crop", "classify", "decide")
BEGIN, END = "<!-- printed by make bench -->", "<!-- end of make bench -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all candidates and print the table; 2 for a wrong argument or missing footage."""
    options = _arguments(arguments)
    try:
        if options.update is not None:
            updated(_page(options.update), "")
        listed = chosen(options.only, options.openvino)
        footage = make_footage(BUILD)
    except AgentError as error:
        _say(str(error))
        return 2
    result = compare(listed, footage, options.seconds)
    table = as_markdown(result)
    print(table)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.update is not None:
        options.update.write_text(updated(_page(options.update), table))
    return 0


def compare(listed: Sequence[Candidate], footage: Footage, seconds: float) -> dict[str, Any]:
    """One result or reason for each candidate, and where and when it was measured."""
    rows: dict[str, dict[str, Any]] = {}
    ready = {candidate.name for candidate in listed if _is_ready(candidate, rows)}
    core = pin_to_one_core()
    load = os.getloadavg()[0]
    for candidate in listed:
        if candidate.name not in ready:
            continue
        _say(f"measuring {candidate.title}")
        try:
            rows[candidate.name] = candidate.film(footage, seconds)
        except UnavailableError as error:
            rows[candidate.name] = {"reason": str(error)}
    return {
        "machine": {**machine(), "core": core, "load": load, "load_after": os.getloadavg()[0]},
        "candidates": {one.name: {"title": one.title, **rows[one.name]} for one in listed},
    }


def as_markdown(result: dict[str, Any]) -> str:
    """The table with the machine above it, and below it what ran and what could not."""
    about, all_rows = result["machine"], result["candidates"]
    rows = {name: row for name, row in all_rows.items() if "reason" not in row}
    ours = next((row["milliseconds"] for name, row in rows.items() if name == "agent"), None)
    stages = [name for name in STAGES if any(row["stages"].get(name) for row in rows.values())]
    head = [
        "",
        "frames/s",
        "ms a frame",
        *stages,
        "peak MB",
        "start s (clock)",
        "one face in",
        "ratio",
    ]
    lines = [
        _measured_on(about),
        "",
        _row(head),
        _row(["---"] + ["---:"] * (len(head) - 1)),
    ]
    for row in rows.values():
        times = [row["stages"].get(name) for name in stages]
        ratio = f"{row['milliseconds'] / ours:.2f}" if ours else "-"
        one = row["faces"].get("1", 0) / row["frames"]
        lines.append(
            _row(
                [
                    row["title"],
                    f"{1000 / row['milliseconds']:.0f}",
                    f"{row['milliseconds']:.2f}",
                    *("-" if value is None else f"{value:.2f}" for value in times),
                    f"{row['peak_memory_mb']:.0f}",
                    f"{row['start_up_processor']:.1f} ({row['start_up']:.1f})",
                    f"{100 * one:.0f} % of {row['frames']}",
                    ratio,
                ]
            )
        )
    lines += ["", *(f"- {row['title']}: {_versions(row)}; {_shares(row)}" for row in rows.values())]
    lines += [
        f"- {row['title']}: not measured, {row['reason']}"
        for row in all_rows.values()
        if "reason" in row
    ]
    return "\n".join(lines)


def updated(text: str, table: str) -> str:
    """A page with the table that it has between its marks replaced.

    Raises `AgentError` for a page without them.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise AgentError(f"the page to update has no lines {BEGIN} and {END}")
    return f"{before}{begin}\n\n{table}\n\n{end}{after}"


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


def _is_ready(candidate: Candidate, rows: dict[str, dict[str, Any]]) -> bool:
    try:
        candidate.ready(_say)
    except UnavailableError as error:
        rows[candidate.name] = {"reason": str(error)}
        return False
    return True


def _measured_on(about: dict[str, Any]) -> str:
    return (
        f"{about['processor']}, one core, {about['system']}, Python {about['python']}, "
        f"load {about['load']:.1f} before and {about['load_after']:.1f} after, {about['date']}; "
        f"a film of {WIDTH}x{HEIGHT} with one face."
    )


def _versions(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in row["versions"].items())


def _shares(row: dict[str, Any]) -> str:
    total = sum(row["emotions"].values())
    if not total:
        return "read nothing"
    shares = sorted(row["emotions"].items(), key=lambda item: -item[1])
    return "read " + ", ".join(f"{name} {100 * count / total:.0f} %" for name, count in shares)


def _page(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise AgentError(f"{file}: cannot be updated: {error}") from None


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


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
    parser.add_argument(
        "--seconds", type=float, default=8.0, help="least for each; default: %(default)s"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", default=BUILD / "bench.json")
    parser.add_argument(
        "--update", type=Path, metavar="FILE.md", help="replace the table in this page"
    )
    return parser.parse_args(arguments)


_Plain = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    sys.exit(main())
