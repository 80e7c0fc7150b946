"""What a server's processes print is passed on, and a flood of it is cut."""

import os
import subprocess
import sys

from cpr.isolated.marks import NAME, end_marked, new_mark
from cpr.isolated.output import Output

MEGABYTE = 1 << 20


def printed_on(capsys, megabytes):
    readable, writable = os.pipe()
    with os.fdopen(readable, "rb") as pipe:
        output = Output(pipe, echo=True, is_bounded=True)
        for _ in range(megabytes * MEGABYTE // 50_000):
            os.write(writable, b"x" * 50_000)
            output.read()
        os.close(writable)
        output.read_rest()
    return output, capsys.readouterr().err


def test_what_is_printed_now_and_then_is_passed_on_whole(capsys):
    output, seen = printed_on(capsys, 1)

    assert output.count == len(seen)


def test_a_flood_is_cut_and_its_end_still_known(capsys):
    output, seen = printed_on(capsys, 60)

    assert output.count > 59 * MEGABYTE
    assert len(seen) < 30 * MEGABYTE
    assert len(output.tail) == 20_000


def test_what_carries_a_mark_is_ended_wherever_it_is_and_nothing_else():
    mark = new_mark()
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    environment = {**os.environ, NAME: mark}
    marked = subprocess.Popen(sleep, env=environment, start_new_session=True)
    other = subprocess.Popen(sleep, env={**environment, NAME: new_mark()})

    end_marked(mark)

    assert marked.wait(30) is not None
    assert other.poll() is None
    other.kill()
    other.wait()
