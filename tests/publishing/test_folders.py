import os
import re
import signal
import subprocess
import sys

import pytest

from cpr.errors import EnvironmentProblem
from cpr.publishing import folders, publish, publish_new, unfinished_folder


@pytest.fixture(params=["in one step", "in three"])
def way(request, monkeypatch):
    """Both ways to replace a folder: by exchange, and where the system has none."""
    if request.param == "in three":
        monkeypatch.setattr(folders.ctypes, "CDLL", lambda *arguments, **options: object())


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
        (folder / "new").write_text("new")
        assert names(target) == ["old"]
        publish(folder, target)
        assert names(target) == ["new"]
    assert names(target) == ["new"]
    assert names(target.parent) == ["x-1-model"]


def test_a_first_folder_gets_its_name(way, tmp_path):
    target = tmp_path / "deep" / "x"
    with unfinished_folder(target) as folder:
        (folder / "new").write_text("new")
        publish(folder, target)
    assert names(target) == ["new"]


def test_what_is_not_published_is_removed(target):
    with pytest.raises(KeyboardInterrupt), unfinished_folder(target) as folder:
        (folder / "new").write_text("new")
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
from cpr.publishing import unfinished_folder
with unfinished_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
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


@pytest.mark.parametrize("name", ["x[1]", "x*"])
def test_names_that_are_patterns_are_swept_too(tmp_path, name):
    command = [sys.executable, "-c", KILLED, tmp_path / name, "die"]
    subprocess.run(command, capture_output=True, check=False)
    with unfinished_folder(tmp_path / name):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", [".x-1-model.mine.tmp", ".x-1-model.b.0123abcd.tmp"])
def test_hidden_folders_of_others_are_left_alone(target, name):
    other = target.parent / name
    other.mkdir()
    with unfinished_folder(target):
        pass
    assert other.is_dir()


def test_a_new_folder_may_take_the_place_of_an_empty_one(tmp_path):
    (tmp_path / "x").mkdir()
    with unfinished_folder(tmp_path / "x") as folder:
        (folder / "new").write_text("new")
        publish_new(folder, tmp_path / "x")
    assert names(tmp_path) == ["x"]
    assert names(tmp_path / "x") == ["new"]


@pytest.mark.parametrize("is_file", [False, True], ids=["folder", "file"])
def test_a_new_folder_never_takes_the_place_of_something(target, is_file):
    place = target / "old" if is_file else target
    with unfinished_folder(target) as folder:
        (folder / "new").write_text("new")
        with pytest.raises(FileExistsError, match=re.escape(str(place))):
            publish_new(folder, place)
    assert (target / "old").read_text() == "old"


def test_a_folder_within_the_unfinished_one_may_be_published(target):
    with unfinished_folder(target) as folder:
        (folder / "made").mkdir()
        (folder / "made" / "new").write_text("new")
        publish(folder / "made", target)
    assert names(target) == ["new"]
    assert names(target.parent) == ["x-1-model"]


def test_where_there_is_no_exchange_a_failure_puts_the_old_folder_back(target, monkeypatch):
    monkeypatch.setattr(folders.ctypes, "CDLL", lambda *arguments, **options: object())
    with pytest.raises(EnvironmentProblem, match="cannot be written: No such file"):
        folders.publish(target.parent / "gone", target)
    assert names(target) == ["old"]
    assert names(target.parent) == ["x-1-model"]


SWAPPED = """
import os, signal, sys
from pathlib import Path
from cpr.publishing import folders, publish, unfinished_folder

renamed = []

def kill(event, arguments):
    if event == "os.rename":
        renamed.append(arguments)
        if len(renamed) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

folders.ctypes.CDLL = lambda *arguments, **options: object()
sys.addaudithook(kill)
with unfinished_folder(Path(sys.argv[1])) as folder:
    (folder / "new").write_text("new")
    publish(folder, Path(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("renames", "left"),
    [(1, ["old"]), (2, ["old"]), (3, ["new"])],
    ids=["before", "while there is none", "with the new one"],
)
def test_killed_where_there_is_no_exchange_the_next_run_finds_the_old_one(target, renames, left):
    done = subprocess.run([sys.executable, "-c", SWAPPED, target, str(renames)], check=False)
    assert done.returncode == -signal.SIGKILL
    with unfinished_folder(target):
        assert names(target) == left
    assert names(target.parent) == ["x-1-model"]


def test_a_link_gives_its_name_to_the_new_folder(way, tmp_path, target):
    link = tmp_path / "link"
    link.symlink_to(target)
    with unfinished_folder(link) as folder:
        (folder / "new").write_text("new")
        publish(folder, link)
    assert names(link) == ["new"] and not link.is_symlink()
    assert names(target) == ["old"]
    assert names(tmp_path) == ["link", "out"]
