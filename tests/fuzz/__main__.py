"""Runs every Hypothesis test again and again, each time with other examples, until time is over.

usage: python -m tests.fuzz [--minutes N] [--examples N] [PATH...]
       python -m tests.fuzz --guided [--minutes N] [READER...]

A round that finds something ends the run with status 1; Hypothesis keeps the example in
`.hypothesis` and tries it first from then on. A round that takes ten minutes longer than there is
time counts as hung. PATH are tests to take instead of all. With `--guided`, Atheris has the time
instead, shared among the readers (`tests.fuzz.readers`; READER are some of them).
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz.readers import READERS


def main() -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--examples", type=int, default=200, help="for each test and round")
    parser.add_argument("--guided", action="store_true", help="by Atheris, which follows the code")
    parser.add_argument("names", nargs="*", metavar="PATH|READER")
    given = parser.parse_args()
    if given.guided:
        return guided(given.names or list(READERS), given.minutes)
    return rounds_of_hypothesis(given.names or ["tests"], given.minutes, given.examples)


def guided(readers: list[str], minutes: float) -> int:
    """Atheris for every reader, one after the other; the exit status (2: one is no reader)."""
    for reader in readers:
        if reader not in READERS:
            print(f"fuzz: no reader {reader!r}; there are {', '.join(READERS)}", file=sys.stderr)
            return 2
    path = os.pathsep.join(filter(None, ["build/atheris", os.environ.get("PYTHONPATH")]))
    seconds = max(1, round(60 * minutes / len(readers)))
    for reader in readers:
        log = Path("build/fuzz", f"{reader}.log")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as stream:
            done = subprocess.run(
                [sys.executable, "-m", "tests.fuzz.guided", reader, "--seconds", str(seconds)],
                env=os.environ | {"PYTHONPATH": path},
                check=False,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        said = log.read_text(errors="replace")
        if done.returncode != 0:
            print(f"{said[-4000:]}\nfuzz: {reader}: see {log}", file=sys.stderr)
            return 1
        tries = re.search(r"number_of_executed_units: (\d+)", said)
        print(f"fuzz: {reader}: {int(tries[1]) if tries else 0:,} tries, nothing found", flush=True)
    return 0


def rounds_of_hypothesis(paths: list[str], minutes: float, examples: int) -> int:
    """The tests again and again until time is over; the exit status."""
    environment = os.environ | {"EXAMPLES": "fuzz", "EXAMPLES_EACH": str(examples)}
    command = [sys.executable, "-m", "pytest", "-q", "-m", "hypothesis", "--tb=short", "-x"]
    until = time.monotonic() + 60 * minutes
    rounds = 0
    while rounds == 0 or time.monotonic() < until:
        left = max(0.0, until - time.monotonic()) + 600
        try:
            done = subprocess.run([*command, *paths], env=environment, check=False, timeout=left)
        except subprocess.TimeoutExpired:
            print("fuzz: a round hangs", file=sys.stderr)
            return 1
        if done.returncode != 0:
            return 1
        rounds += 1
        print(f"fuzz: {rounds} rounds, nothing found", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
