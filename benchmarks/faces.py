"""The agent and its alternatives on pictures whose expression is known.

usage: faces.py --pictures FOLDER [--only NAME] [--openvino FOLDER] [--json FILE]

The folder holds a folder for each of the eight emotions, by name; of each picture the largest face
is read, found by the candidate's own detector. A picture without a face found counts as wrong, and
so does an emotion that a candidate has no word for.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS
from agent.errors import AgentError
from agent.sources.pictures import pictures_in
from benchmarks.candidates.environments import UnavailableError
from benchmarks.candidates.listing import Candidate, chosen

RESAMPLES: Final = 10_000
LEAST: Final = 30
"""Fewer pictures, of an emotion or in all, say little; the table says so."""

Shown = dict[Path, str]
"""The emotion by picture."""

Reads = dict[str, str | None]
"""What a candidate said by picture; None where it found no face."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Read all pictures with all candidates and print the tables; 2 for a wrong argument."""
    options = _arguments(arguments)
    try:
        shown = labelled(options.pictures.resolve())
        listed = [c for c in chosen(options.only, options.openvino) if not c.for_films]
    except AgentError as error:
        _say(str(error))
        return 2
    reads, reasons = read_all(listed, list(shown))
    print(as_markdown(shown, {one.name: one.title for one in listed}, reads, reasons))
    if options.json is not None:
        by_path = {str(path): emotion for path, emotion in shown.items()}
        result = {"shown": by_path, "read": reads, "not_measured": reasons}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def labelled(folder: Path) -> Shown:
    """The pictures below a folder's eight folders; raises `AgentError` where there are none."""
    if not folder.is_dir():
        raise AgentError(f"{folder}: no such folder")
    strange = sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name not in EMOTIONS)
    if strange:
        raise AgentError(f"{folder}: {strange[0]} is no emotion; there are {', '.join(EMOTIONS)}")
    found = [name for name in EMOTIONS if (folder / name).is_dir()]
    shown = {path: name for name in found for path in pictures_in(folder / name)}
    if not shown:
        raise AgentError(f"{folder}: no folder of pictures named {', '.join(EMOTIONS)}")
    return shown


def read_all(
    listed: Sequence[Candidate], paths: Sequence[Path]
) -> tuple[dict[str, Reads], dict[str, str]]:
    """What each candidate said, and of the others why not."""
    reads: dict[str, Reads] = {}
    reasons: dict[str, str] = {}
    for candidate in listed:
        try:
            candidate.ready(_say)
            _say(f"reading {len(paths)} pictures with {candidate.title}")
            with tempfile.TemporaryDirectory() as folder:
                reads[candidate.name] = candidate.pictures(paths, Path(folder))
        except UnavailableError as error:
            reasons[candidate.name] = str(error)
    return reads, reasons


def right(shown: Shown, reads: Reads) -> npt.NDArray[np.bool_]:
    """For each picture whether it was read right."""
    return np.array([reads[str(path)] == emotion for path, emotion in shown.items()])


def recalls(shown: Shown, reads: Reads) -> dict[str, float]:
    """The share read right of each emotion that has pictures."""
    good = right(shown, reads)
    truth = np.array(list(shown.values()))
    return {name: float(good[truth == name].mean()) for name in EMOTIONS if name in truth}


def difference(
    first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]
) -> tuple[float, float, float]:
    """How much more often the first is right on the same pictures, and its 95 % interval.

    Percentile bootstrap over the pictures, always with the same seed.
    """
    gaps = first.astype(float) - second.astype(float)
    picks = np.random.default_rng(0).integers(0, len(gaps), (RESAMPLES, len(gaps)))
    low, high = np.percentile(gaps[picks].mean(axis=1), [2.5, 97.5])
    return float(gaps.mean()), float(low), float(high)


def as_markdown(
    shown: Shown, titles: dict[str, str], reads: dict[str, Reads], reasons: dict[str, str]
) -> str:
    """Both tables, with the count of pictures above and what could not run below."""
    counts = {name: list(shown.values()).count(name) for name in EMOTIONS}
    present = [name for name in EMOTIONS if counts[name]]
    few = [name for name in EMOTIONS if counts[name] < LEAST]
    lines = [f"{len(shown)} pictures; {len(present)} of {len(EMOTIONS)} emotions have any."]
    if few:
        lines += [f"Fewer than {LEAST} of {', '.join(few)}: their recalls say little."]
    lines += [
        "",
        "|  | accuracy % | macro recall % | no face | the agent is better by, points (95 %) |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    ours = right(shown, reads["agent"]) if "agent" in reads else None
    for name, said in reads.items():
        good = right(shown, said)
        recall = float(np.mean(list(recalls(shown, said).values())))
        gap = "-"
        if ours is not None and name != "agent":
            gap = _in_points(ours, good)
        lost = sum(emotion is None for emotion in said.values())
        share = f"{100 * good.mean():.1f}"
        lines.append(f"| {titles[name]} | {share} | {100 * recall:.1f} | {lost} | {gap} |")
    lines += ["", f"| recall % | {' | '.join(f'{n} ({counts[n]})' for n in present)} |"]
    lines += [f"| --- |{' ---: |' * len(present)}"]
    for name, said in reads.items():
        of = recalls(shown, said)
        lines.append(f"| {titles[name]} | {' | '.join(f'{100 * of[n]:.0f}' for n in present)} |")
    lines += ["", *(f"- {titles[name]}: not measured, {why}" for name, why in reasons.items())]
    return "\n".join(lines).rstrip()


def _in_points(ours: npt.NDArray[np.bool_], theirs: npt.NDArray[np.bool_]) -> str:
    if len(ours) < LEAST:
        return "too few pictures"
    return "{:+.1f} ({:+.1f} to {:+.1f})".format(*(100 * x for x in difference(ours, theirs)))


def _say(line: str) -> None:
    print(f"faces: {line}", file=sys.stderr, flush=True)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--only", action="append", metavar="NAME", help="only these; repeatable")
    parser.add_argument("--openvino", metavar="FOLDER", default=os.environ.get("OPENVINO_MODELS"))
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
