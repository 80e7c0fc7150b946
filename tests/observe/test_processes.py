"""What a process uses, as the kernel says."""

import os
import subprocess
import sys
import time

from cpr.observe.processes import process_figures


def test_figures_of_a_process_are_those_of_the_kernel():
    figures = process_figures("front-0", os.getpid())
    assert (figures.name, figures.pid) == ("front-0", os.getpid())
    assert figures.cpu_s > 0
    assert 5_000_000 < figures.resident_bytes < 50_000_000_000
    assert figures.open_fds >= 3
    assert abs(figures.started_s - time.time()) < 86_400


def test_open_files_are_counted(tmp_path):
    before = process_figures("me", os.getpid()).open_fds
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"):
        assert process_figures("me", os.getpid()).open_fds == before + 2


def test_a_process_that_has_ended_has_no_figures():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert process_figures("gone", child.pid) is None
