from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SIGNALLED = """
import signal, sys
from pathlib import Path
from agent.emotion import manifest
from agent.runtimes.openvino import OpenvinoRuntime

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where nohup began it all
folder = Path(sys.argv[1])
first, second = (OpenvinoRuntime(manifest.read(folder), folder) for _ in range(2))
first.close()
del first
second.close()
del second
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_signal_is_survived_after_runtimes_were_opened_and_closed(project: Path) -> None:
    """As a reload does it: the new one is opened before the former is closed."""
    command = [sys.executable, "-X", "faulthandler", "-c", SIGNALLED]
    done = subprocess.run(
        [*command, str(project / "models/fer-compact")],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr
