"""Kept memory: large requests, one after the other, are given the same pages."""

import ctypes
import subprocess
import sys

import pytest

from cpr.server.kept_memory import KeptArenas

CODE = """
import resource, sys, orjson
from cpr.server.kept_memory import KeptArenas, keep_freed_blocks

body = orjson.dumps([[n / 2 for n in range(1024)] for _ in range(256)])
if sys.argv[1] == "kept":
    keep_freed_blocks(64 << 20)
    arenas = KeptArenas()

def answer():
    if sys.argv[1] == "kept":
        arenas.provide_for(body)
    bytes(orjson.dumps(orjson.loads(body)) + b"x")

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(5):
    answer()
before = faults()
for _ in range(20):
    answer()
print((faults() - before) // 20)
"""


def faults(how):
    done = subprocess.run(
        [sys.executable, "-c", CODE, how], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="glibc alone can be told so")
def test_a_large_request_asks_the_system_for_no_memory_that_the_one_before_gave_back():
    assert faults("kept") < 32
    assert faults("left alone") > 1000


def test_memory_is_kept_for_many_values_not_for_long_texts():
    arenas = KeptArenas()

    arenas.provide_for(b"x" * 8_000_000)
    assert kept_bytes(arenas) == 0
    arenas.provide_for(b"1.5," * 60_000)
    assert 3e6 < kept_bytes(arenas) < 5e6
    arenas.provide_for(b"1.5," * 2_000_000)  # the third is not looked into
    assert kept_bytes(arenas) < 5e6
    arenas.provide_for(b"1.5," * 2_000_000)
    assert 64e6 < kept_bytes(arenas) < 75e6


def kept_bytes(arenas):
    """What one block in 256 of 512 bytes keeps."""
    return len(arenas._kept) * 256 * 512
