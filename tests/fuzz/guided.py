"""Follows the agent's code with Atheris: bytes that reach new lines are kept and changed further.

usage: python -m tests.fuzz.guided READER [--seconds N] [--keep FOLDER]

READER is one of `tests.fuzz.readers.READERS`. What reached something new stays below FOLDER (by
default build/fuzz/READER) and is where the next run begins. A finding prints its traceback, leaves
its bytes in FOLDER/findings, and ends the run with a status other than 0.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any


def main() -> None:
    """The command; libFuzzer ends the process itself."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("reader", metavar="READER")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    try:
        atheris: Any = importlib.import_module("atheris")
    except ModuleNotFoundError:
        sys.exit("guided: Atheris is not installed; run `make fuzz ARGS=--guided`")
    # Only what is imported from here on tells which of its lines ran.
    with atheris.instrument_imports(include=["agent", "pydantic", "tomllib", "wave", "email"]):
        readers = importlib.import_module("tests.fuzz.readers").READERS
    if given.reader not in readers:
        sys.exit(f"guided: {given.reader!r} is none of {', '.join(readers)}")
    reader = readers[given.reader]
    kept = given.keep or Path("build/fuzz", given.reader)
    (kept / "findings").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp())
    (kept / "whole").write_bytes(reader.whole(folder))
    options = [
        f"-max_total_time={given.seconds}",
        f"-artifact_prefix={kept / 'findings'}/",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(kept)], lambda content: reader.read(content, folder))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
