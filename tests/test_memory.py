"""What the C library holds, by its own account."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, threading
from agent.memory import share_one_arena
if {shared}:
    share_one_arena()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
together = threading.Barrier(4)
def work():
    together.wait()
    libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="needs glibc")
def test_threads_share_one_arena() -> None:
    def arenas(shared: bool) -> int:
        command = [sys.executable, "-c", PROGRAM.format(shared=shared)]
        report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return report.count("<heap nr=")

    assert arenas(shared=False) > 1
    assert arenas(shared=True) == 1
