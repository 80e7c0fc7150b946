"""Lines reach the file whole, and a bad disk stops nobody."""

import os
import subprocess
import sys
import textwrap

import pytest

from cpr.errors import EnvironmentProblem
from cpr.observe.line_file import LineFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "access.log"


def script(text):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done


def test_lines_are_appended_in_order(path):
    path.write_bytes(b"before\n")
    file = LineFile(path)
    for number in range(100):
        file.write(b"%d\n" % number)
    assert file.close()
    assert path.read_text().split() == ["before", *map(str, range(100))]
    assert file.take_dropped() == 0


def test_a_new_file_is_not_for_everybody(path):
    assert LineFile(path).close()
    assert path.stat().st_mode & 0o007 == 0


def test_several_processes_write_whole_lines(path):
    code = """
        import sys
        from pathlib import Path
        from cpr.observe.line_file import LineFile
        file = LineFile(Path(sys.argv[1]))
        for _ in range(200):
            file.write((sys.argv[2] * 300 + "\\n").encode() * 20)
        assert file.close(60)
        assert not file.take_dropped()
    """
    writers = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), path, letter])
        for letter in "abc"
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    lines = path.read_text().splitlines()
    assert sorted(set(lines)) == ["a" * 300, "b" * 300, "c" * 300]
    assert len(lines) == 3 * 200 * 20


def test_writes_to_a_pipe_are_small_enough_to_stay_whole():
    code = """
        from cpr.observe.line_file import LineFile
        file = LineFile(None)
        file.write((b"x" * 99 + b"\\n") * 1000)
        assert file.close(60)
    """
    assert script(code).stderr == ("x" * 99 + "\n") * 1000


def test_a_full_disk_costs_lines_which_are_counted(tmp_path, path, caplog):
    path.symlink_to("/dev/full")
    file = LineFile(path)
    for _ in range(5):
        file.write(b"one\ntwo\n")
    path.unlink()
    file.reopen()
    file.write(b"three\n")
    assert file.close()
    assert file.take_dropped() == 10
    assert file.take_dropped() == 0
    assert path.read_text() == "three\n"
    assert caplog.messages == [
        f"lines of {path} are lost: No space left on device",
        f"{path} can be written again",
    ]


def test_a_line_cut_short_does_not_spoil_the_next(path):
    code = f"""
        import resource
        from pathlib import Path
        from cpr.observe.line_file import LineFile
        path = Path({str(path)!r})
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        full = LineFile(path)
        full.write((b"x" * 399 + b"\\n") * 3)
        while not (lost := full.take_dropped()):
            pass
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        full.write(b"next\\n")
        assert full.close()
        assert lost == 1, lost
    """
    script(code)
    assert path.read_text().splitlines() == ["x" * 399, "x" * 399, "x" * 200, "next"]


def test_a_reader_that_has_stopped_costs_lines_not_time(path):
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = LineFile(path, pending_bytes=200_000)
    line = b"x" * 999 + b"\n"
    for _ in range(500):
        file.write(line)
    assert not file.close(timeout_s=0.1)
    dropped = file.take_dropped()
    assert 0 < dropped <= 300
    os.set_blocking(reader, True)
    with open(reader, "rb") as stream:
        assert stream.read() == line * (500 - dropped)


def test_a_pipe_that_nobody_reads_is_refused_at_once(path):
    os.mkfifo(path)
    with pytest.raises(EnvironmentProblem, match="cannot append to the log file"):
        LineFile(path)


def test_reopen_leaves_a_renamed_file(path):
    file = LineFile(path)
    path.rename(path.with_suffix(".1"))
    file.write(b"still old\n")
    file.reopen()
    file.write(b"new\n")
    assert file.close()
    assert path.with_suffix(".1").read_text() == "still old\n"
    assert path.read_text() == "new\n"


def test_reopen_that_fails_keeps_the_file_that_is_open(path, caplog):
    file = LineFile(path)
    kept = path.rename(path.with_suffix(".1"))
    path.mkdir()
    file.reopen()
    file.write(b"kept\n")
    assert file.close()
    assert kept.read_text() == "kept\n"
    (message,) = caplog.messages
    assert message.endswith("Is a directory; the old file stays in use")


def test_a_file_that_cannot_be_opened_is_a_problem_at_once(tmp_path):
    with pytest.raises(EnvironmentProblem, match="No such file or directory") as caught:
        LineFile(tmp_path / "missing" / "access.log")
    assert "The folder must exist" in caught.value.hint
