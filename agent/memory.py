"""Keeps a process that runs for months from holding memory that it uses no more."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

_ARENA_MAX: Final = -8  # M_ARENA_MAX of glibc's malloc.h


def share_one_arena() -> None:
    """Let all threads that are started from now on allocate from one place.

    glibc gives each thread an arena of its own otherwise; as threads come and go with every
    change of settings, each arena grows to the most that was ever needed in it. Does nothing
    where the C library is another one.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)


def release() -> None:
    """Give back what nobody refers to, cycles included; takes some ten milliseconds."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
