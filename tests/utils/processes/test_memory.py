"""Memory of one update for the next."""


import platform
import subprocess
import sys

import pytest

from tests.patience import HANG_S
from utils.paths import ROOT

PROGRAM = """
import ctypes, resource, sys
from utils.processes.memory import keep_freed_memory
assert sys.argv[1] == "no" or keep_freed_memory()
libc, size = ctypes.CDLL(None), 64 << 20
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    place = libc.malloc(size)
    ctypes.memset(place, 1, size)
    libc.free(place)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the switch")
def test_memory_that_was_freed_is_not_asked_for_again():
    counts = {}
    for word in ("no", "yes"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, word], cwd=ROOT, capture_output=True, text=True, timeout=HANG_S, check=True
        )
        counts[word] = int(done.stdout)
    assert counts["yes"] < counts["no"] / 3, counts
