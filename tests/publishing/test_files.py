import os
import resource
import signal
import subprocess
import sys

import pytest

from cpr.errors import EnvironmentProblem
from cpr.publishing import write_atomically

WITHOUT_NAME = pytest.param(True, id="unnamed")
WITH_NAME = pytest.param(False, id="named")


@pytest.fixture(params=[WITHOUT_NAME, WITH_NAME])
def way(request, monkeypatch):
    """Both ways to hide the unfinished file: without a name, and where that cannot be."""
    if not request.param:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return request.param


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "x-1.tar.gz").write_bytes(b"old")
    return folder / "x-1.tar.gz"


def test_the_file_is_checked_before_it_replaces_the_old_one(way, target):
    def check(path):
        assert path.read_bytes() == b"new" * 1000
        assert target.read_bytes() == b"old"
        assert (list(target.parent.iterdir()) == [target]) is way

    write_atomically(target, b"new" * 1000, check=check)
    assert target.read_bytes() == b"new" * 1000
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), OSError(5, "no")])
def test_a_check_that_fails_leaves_the_old_file_alone(way, target, error):
    def check(path):
        raise error

    with pytest.raises((ValueError, KeyboardInterrupt, EnvironmentProblem)):
        write_atomically(target, b"new", check=check)
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_in_the_place_of_the_folder_is_told(target, below):
    with pytest.raises(EnvironmentProblem, match="cannot be written: ") as caught:
        write_atomically(target / below / "new", b"new")
    assert caught.value.hint == f"{target} is a file; a folder is needed there."


def test_a_name_that_no_file_can_have_is_refused(way, target):
    with pytest.raises(EnvironmentProblem, match="cannot be written: File name too long"):
        write_atomically(target.with_name("x" * 250), b"new")
    assert list(target.parent.iterdir()) == [target]


def test_a_full_disk_leaves_the_old_file_alone(way, target):
    """RLIMIT_FSIZE makes a write fail half-way, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(EnvironmentProblem, match=r"x-1\.tar\.gz cannot be written: File too"):
            write_atomically(target, bytes(200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_that_is_a_file_is_named(way, target):
    with pytest.raises(EnvironmentProblem, match="cannot be written: Not a directory"):
        write_atomically(target / "below" / "y.tar.gz", b"new")
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("mask", [0o022, 0o077], ids=oct)
def test_the_file_has_the_mode_of_any_new_file(way, target, mask):
    before = os.umask(mask)
    try:
        write_atomically(target, b"new")
    finally:
        os.umask(before)
    assert target.stat().st_mode & 0o777 == 0o666 & ~mask


KILLED = """
import os, signal, sys
from pathlib import Path
from cpr.publishing import write_atomically

def check(path):
    assert path.stat().st_size == 3_000_000
    os.kill(os.getpid(), signal.SIGKILL)

write_atomically(Path(sys.argv[1]), bytes(3_000_000), check=check)
"""


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="files without a name need Linux")
def test_a_killed_process_leaves_nothing_behind(target):
    done = subprocess.run([sys.executable, "-c", KILLED, target], check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


def test_the_hint_is_the_callers(target):
    with pytest.raises(EnvironmentProblem) as caught:
        write_atomically(target.with_name("x" * 250), b"new", hint="Choose a short name.")
    assert caught.value.hint == "Choose a short name."
