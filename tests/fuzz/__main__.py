"""Runs every Hypothesis test again and again, each time with other examples, until time is over.

usage: python -m tests.fuzz [--minutes N] [--examples N] [PATH...]

A round that finds something ends the run with status 1; Hypothesis keeps the example in
`.hypothesis` and tries it first from then on. A round that takes ten minutes longer than there is
time counts as hung. PATH are tests to take instead of all.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time


def main() -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--examples", type=int, default=200, help="for each test and round")
    parser.add_argument("paths", nargs="*", default=["tests"], metavar="PATH")
    given = parser.parse_args()
    environment = os.environ | {"EXAMPLES": "fuzz", "EXAMPLES_EACH": str(given.examples)}
    command = [sys.executable, "-m", "pytest", "-q", "-m", "hypothesis", "--tb=short", "-x"]
    until = time.monotonic() + 60 * given.minutes
    rounds = 0
    while rounds == 0 or time.monotonic() < until:
        left = max(0.0, until - time.monotonic()) + 600
        try:
            done = subprocess.run(
                [*command, *given.paths], env=environment, check=False, timeout=left
            )
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
