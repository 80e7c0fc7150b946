"""The shared page: what one process writes, another one reads, also after the first has died."""

import os
import subprocess
import sys
from time import monotonic_ns

from cpr.server.progress import Progress, make_page


def test_what_one_side_takes_the_other_sees():
    page = make_page()
    writer, reader = Progress(os.dup(page)), Progress(page)

    writer.take(3)
    writer.take(2)

    assert reader.taken == 5
    assert 0 < reader.started_ns <= monotonic_ns()


def test_a_new_page_says_that_nothing_was_taken():
    progress = Progress(make_page())

    assert (progress.taken, progress.started_ns) == (0, 0)


def test_the_page_outlives_the_process_that_wrote_it():
    page = make_page()
    code = f"""
import os, signal
from cpr.server.progress import Progress
Progress({page}).take(7)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], pass_fds=[page])

    assert done.returncode == -9
    assert Progress(page).taken == 7


def test_closing_twice_does_no_harm():
    progress = Progress(make_page())

    progress.close()
    progress.close()


def test_what_is_abandoned_is_told_as_it_is_at_the_moment():
    page = make_page()
    front, worker = Progress(os.dup(page)), Progress(page)

    assert not worker.has_abandoned
    front.abandon([3, 1 << 31])
    assert worker.has_abandoned
    assert worker.abandoned == {3, 1 << 31}
    front.abandon(range(10_000))
    assert worker.abandoned < set(range(10_000))
    front.abandon([])
    assert not worker.has_abandoned
    worker.take(2)
    assert front.taken == 2
    front.close()
    worker.close()
