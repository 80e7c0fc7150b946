"""Work aside returns and raises as a call does, and holds no process up."""

import asyncio
import subprocess
import sys

import pytest

from cpr.server.aside import run_aside


def test_returns_what_the_work_returns():
    assert asyncio.run(run_aside(int, "12", base=5)) == 7


def test_raises_what_the_work_raises():
    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(run_aside(int, "x"))


def test_a_process_ends_without_it():
    code = """
import asyncio, threading
from cpr.server.aside import run_aside
asyncio.run(asyncio.wait_for(run_aside(threading.Event().wait), 0.01))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30)
    assert b"TimeoutError" in ended.stderr
