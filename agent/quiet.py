"""Keeps a terminal readable while chatty libraries work."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO, TextIOWrapper
from threading import Lock
from typing import Final, TextIO

_HIDING: Final = Lock()
"""Two that hide at once would take each other's nowhere for what is to come back."""


@contextmanager
def output_hidden(hide: bool = True) -> Iterator[None]:
    """Send standard output and error nowhere, what C++ libraries print included.

    For a tool's one thread: what others print meanwhile is lost, too.
    """
    if not hide:
        yield
        return
    _flush()
    with _nowhere(1, 2):
        try:
            yield
        finally:
            _flush()


@contextmanager
def _nowhere(*descriptors: int) -> Iterator[None]:
    """Have descriptors lead nowhere meanwhile."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        with _leading_to(nowhere, *descriptors):
            yield
    finally:
        os.close(nowhere)


@contextmanager
def _leading_to(target: int, *descriptors: int) -> Iterator[None]:
    kept = {number: os.dup(number) for number in descriptors}
    try:
        for number in kept:
            os.dup2(target, number)
        yield
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


@contextmanager
def chatter_hidden() -> Iterator[None]:
    """Send what native code prints on standard error nowhere, for a process with more to say.

    Standard output stays, and so does what is written to `own_errors`, by whatever thread.
    """
    with _HIDING:
        sys.stderr.flush()
        with _nowhere(2):
            yield


def chatters(work: Callable[[], object]) -> bool:
    """Whether native code prints on standard error while it works, which nobody gets to see."""
    end, begin = os.pipe()
    os.set_blocking(begin, False)  # so much that it fills the pipe may be lost
    os.set_blocking(end, False)
    try:
        with _HIDING:
            sys.stderr.flush()
            with _leading_to(begin, 2):
                work()
        with suppress(BlockingIOError):
            return bool(os.read(end, 1))
        return False
    finally:
        os.close(begin)
        os.close(end)


def own_errors() -> TextIO:
    """Standard error as a stream that `chatter_hidden` leaves alone; made once, for the log."""
    errors: TextIO = sys.stderr
    if errors is not sys.__stderr__:
        return errors  # a test's, or a caller's
    return TextIOWrapper(
        FileIO(duplicate(errors.fileno()), "w"),
        encoding=errors.encoding,
        errors="backslashreplace",
        write_through=True,
    )


def duplicate(descriptor: int) -> int:
    """Another descriptor of a standard stream; never of the nowhere that `chatter_hidden` puts in
    its place, so it waits for the end of that.
    """
    with _HIDING:
        return os.dup(descriptor)


def fill_standard_streams() -> None:
    """Open what the caller has closed (`2>&-`), to go nowhere; for the beginning of a process.

    A file opened later would get the number, and with it all that native code prints.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # the lowest free number is this one
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  # for as long as we run
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
