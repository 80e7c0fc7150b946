import os
import signal
import subprocess
import sys

import pytest

from cpr.errors import EnvironmentProblem
from cpr.packager import folder_swap
from cpr.packager.folder_swap import unfinished_folder


@pytest.fixture(params=["in one step", "in three"])
def way(request, monkeypatch):
    """Both ways to replace a folder: by exchange, and where the system has none."""
    if request.param == "in three":
        monkeypatch.setattr(folder_swap.ctypes, "CDLL", lambda *arguments, **options: object())


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "out" / "x-1-model"
    folder.mkdir(parents=True)
    (folder / "old").write_text("old")
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_new_folder_takes_the_place_of_the_old(way, target):
    with unfinished_folder(target) as folder:
        (folder.path / "new").write_text("new")
        assert names(target) == ["old"]
        folder.publish()
        assert names(target) == ["new"]
    assert names(target) == ["new"]
    assert names(target.parent) == ["x-1-model"]


def test_a_first_folder_gets_its_name(way, tmp_path):
    target = tmp_path / "deep" / "x"
    with unfinished_folder(target) as folder:
        (folder.path / "new").write_text("new")
        folder.publish()
    assert names(target) == ["new"]


def test_what_is_not_published_is_removed(target):
    with pytest.raises(KeyboardInterrupt), unfinished_folder(target) as folder:
        (folder.path / "new").write_text("new")
        raise KeyboardInterrupt
    assert names(target) == ["old"]
    assert names(target.parent) == ["x-1-model"]


def test_a_place_that_cannot_be_written_is_named(target):
    (target.parent / "file").write_text("")
    with (
        pytest.raises(EnvironmentProblem, match=r"file/below cannot be written"),
        unfinished_folder(target.parent / "file" / "below"),
    ):
        pass


KILLED = """
import os, signal, sys
from pathlib import Path
from cpr.packager.folder_swap import unfinished_folder
with unfinished_folder(Path(sys.argv[1])) as folder:
    (folder.path / "half").write_text("half")
    print("ready", flush=True)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_is_swept_up_by_the_next(target):
    command = [sys.executable, "-c", KILLED, target, "die"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(names(target.parent)) == 2
    with unfinished_folder(target):
        assert len(names(target.parent)) == 2
    assert names(target.parent) == ["x-1-model"]


def test_what_a_living_process_holds_is_left_alone(target):
    command = [sys.executable, "-c", KILLED, target, "wait"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as other:
        other.stdout.readline()
        with unfinished_folder(target):
            assert len(names(target.parent)) == 3
        (held,) = (name for name in names(target.parent) if name.endswith(".tmp"))
        assert os.listdir(target.parent / held) == ["half"]
