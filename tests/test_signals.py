"""What a hang-up means: the terminal has gone, or a person wants the settings read again."""

from __future__ import annotations

import os
import pty
import signal
import sys
from functools import partial
from pathlib import Path

from tests.brokers.watcher import wait_for

_NOTE = """
import signal, sys, time
from pathlib import Path
from agent.signals import noted_signals
# The tests themselves may run under nohup.
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[2] == "nohup" else signal.SIG_DFL)
with noted_signals() as signals:
    Path(sys.argv[1]).write_text("ready")
    while not (signals.stop or signals.reload):
        time.sleep(0.01)
    Path(sys.argv[1]).write_text("stop" if signals.stop else "reload")
"""


def _is_ready(told: Path) -> bool:
    return told.exists() and told.read_text() == "ready"


_CASES = {
    "its terminal closes": ("plainly", True, "stop"),
    "it is asked to reload": ("plainly", False, "reload"),
    "its terminal closed, and it is asked to reload": ("nohup", True, "reload"),
}


def test_a_closed_terminal_ends_what_runs_in_it(tmp_path: Path) -> None:
    asked = {name: tmp_path / name for name in _CASES}
    running = {}
    for name, (started, _, _) in _CASES.items():
        running[name] = pty.fork()
        if running[name][0] == 0:
            command = [sys.executable, "-c", _NOTE, str(asked[name]), started]
            os.execv(sys.executable, command)
    for name, (child, terminal) in running.items():
        wait_for(partial(_is_ready, asked[name]))
        started, closes, _ = _CASES[name]
        if closes:
            os.close(terminal)
        if started == "nohup" or not closes:
            os.kill(child, signal.SIGHUP)
    for name, (child, _) in running.items():
        os.waitpid(child, 0)
        assert asked[name].read_text() == _CASES[name][2], name
    os.close(running["it is asked to reload"][1])
