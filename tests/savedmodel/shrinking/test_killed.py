"""What a killed `cpr shrink` leaves: nothing under the name, and nothing after the next."""

import signal
import subprocess
import sys

from cpr.savedmodel.shrinking import shrink

KILLED = """
import os, signal, sys
from cpr.savedmodel.shrinking import shrink

def kill(done, total):
    if done == total - 2:  # every step is done, and nothing compared
        os.kill(os.getpid(), signal.SIGKILL)

shrink(sys.argv[1], sys.argv[2], progress=kill)
"""


def test_the_next_run_removes_what_a_killed_one_left(modern, tmp_path):
    out = tmp_path / "small"
    done = subprocess.run([sys.executable, "-c", KILLED, modern, out], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".small.") and list(left.rglob("saved_model.pb"))
    assert shrink(modern, out).outcome == "smaller"
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
