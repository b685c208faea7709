"""A wall clock that jumps, for one process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final


def _missing() -> str | None:
    if sys.hexversion < 0x030B0000:
        return "before Python 3.11, timed waits follow the machine's own clock"
    return None if shutil.which("cc") else "it takes a C compiler (cc)"


MISSING: Final = _missing()
"""Why no clock can jump here; None where it can."""


class JumpingClock:
    """The clock of a process that is started with `environment`. Made in an empty folder."""

    def __init__(self, folder: Path) -> None:
        """Raises `CalledProcessError` where it does not compile."""
        self._file = folder / "clock"
        library = folder / "clock.so"
        self.turn(0)
        self.environment: dict[str, str] = {}
        """What lets a process go by this clock; empty where no clock can jump."""
        if MISSING is None:
            source = Path(__file__).with_suffix(".c")
            command = ["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(library), str(source)]
            subprocess.run([*command, "-ldl"], check=True)
            self.environment = {"LD_PRELOAD": str(library), "SOAK_CLOCK": str(self._file)}

    def turn(self, seconds: int) -> None:
        """Let it be ahead of the machine's by so many seconds, from now on."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))
