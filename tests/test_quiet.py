from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread

import pytest

from agent.quiet import chatter_hidden, chatters, output_hidden

WHILE_HIDDEN = """
import logging, os, sys
from agent.quiet import chatter_hidden, own_errors

logging.basicConfig(stream=own_errors())
with chatter_hidden():
    os.write(2, b"native chatter")
    logging.warning("a device is lost")
    print("an event")
print("after", file=sys.stderr)
"""


def test_what_native_code_prints_is_hidden_and_later_output_is_not(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with output_hidden():
        os.write(1, b"native chatter\n")
        os.write(2, b"native chatter\n")
    print("own words")

    assert capfd.readouterr() == ("own words\n", "")


def test_output_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="inside"), output_hidden():
        raise ValueError("inside")
    os.write(2, b"heard\n")

    assert capfd.readouterr().err == "heard\n"


def test_nothing_is_hidden_when_not_asked(capfd: pytest.CaptureFixture[str]) -> None:
    with output_hidden(hide=False):
        os.write(1, b"heard\n")

    assert capfd.readouterr().out == "heard\n"


def test_the_log_and_the_events_are_kept_while_a_library_chatters() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WHILE_HIDDEN], capture_output=True, text=True, check=True
    )
    assert done.stdout == "an event\n"
    assert done.stderr == "WARNING:root:a device is lost\nafter\n"


def test_it_is_known_whether_native_code_has_printed(capfd: pytest.CaptureFixture[str]) -> None:
    assert chatters(lambda: os.write(2, b"native chatter"))
    assert chatters(lambda: [os.write(2, bytes(1000)) for _ in range(20)])
    assert not chatters(lambda: None)
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"


def test_two_threads_that_hide_at_once_leave_standard_error_as_it_was(
    capfd: pytest.CaptureFixture[str],
) -> None:
    together = Barrier(2)

    def hide() -> None:
        for _ in range(200):
            together.wait()
            with chatter_hidden():
                os.write(2, b"native chatter")

    threads = [Thread(target=hide) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"heard\n")

    assert capfd.readouterr().err == "heard\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_works_without_standard_streams(closed: str, tmp_path: Path) -> None:
    """What it says goes nowhere, least of all into a file that got the stream's number."""
    program = """
import os, sys
from agent.cli import main
from agent.quiet import chatter_hidden

status = main(["web", "token"])
with open(sys.argv[1], "wb") as file:
    with chatter_hidden():
        os.write(2, b"native chatter")
    print("an event", flush=True)
    print("a warning", file=sys.stderr, flush=True)
    file.write(b"status %d, file %s" % (status, b"apart" if file.fileno() > 2 else b"taken"))
"""
    file = tmp_path / "told"
    command = f'exec "$0" -c "$1" "$2" {closed}'
    done = subprocess.run(["sh", "-c", command, sys.executable, program, str(file)], check=False)
    assert (done.returncode, file.read_text()) == (0, "status 0, file apart")
