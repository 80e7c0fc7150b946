"""What a killed `cpr clean` leaves: a whole copy or the old one, and nothing after the next."""

import signal
import subprocess
import sys

import pytest

from cpr.savedmodel.cleaning import clean

# Cleans, and kills itself at an event of Python's audit that has a word in it.
KILLED = """
import os, signal, sys
from pathlib import Path
from cpr.savedmodel.cleaning import clean

def kill(event, arguments):
    if event == sys.argv[3] and sys.argv[4] in map(lambda item: Path(str(item)).name, arguments):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
clean(Path(sys.argv[1]), Path(sys.argv[2]), force=sys.argv[5] == "force")
"""


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def killed(training_dir, tmp_path):
    """Kill a process that cleans to `copy`, at an event; says what is beside `copy` then."""

    def killed(event, word, *options):
        command = [sys.executable, "-c", KILLED, training_dir, tmp_path / "copy", event, word]
        done = subprocess.run([*command, *(options or ["new"])], check=False)
        assert done.returncode == -signal.SIGKILL
        return [path.name for path in tmp_path.iterdir() if path.name != "copy"]

    return killed


@pytest.mark.parametrize(
    ("event", "word"),
    [("os.rename", "saved_model.pb"), ("os.rename", "copy")],
    ids=["while it is written", "before it gets its name"],
)
def test_there_is_no_copy_and_the_next_run_makes_it(training_dir, tmp_path, killed, event, word):
    (left,) = killed(event, word)
    assert left.startswith(".copy.") and left.endswith(".tmp")
    assert not (tmp_path / "copy").exists()
    clean(training_dir, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    assert "saved_model.pb" in content(tmp_path / "copy")


@pytest.mark.parametrize(
    ("event", "word", "is_new"),
    [
        ("os.rename", "saved_model.pb", False),
        ("ctypes.dlopen", "None", False),
        ("shutil.rmtree", "LEFT", True),
    ],
    ids=["while it is written", "before they are swapped", "before the old one is removed"],
)
def test_the_old_copy_is_whole_or_the_new_one(
    training_dir, tmp_path, monkeypatch, event, word, is_new
):
    out = tmp_path / "copy"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    code = KILLED
    if word == "LEFT":  # the folder's name is known once it is there
        code = code.replace("sys.argv[4] in map(", "any(n.startswith('.copy.') for n in map(")
        code = code.replace(".name, arguments):", ".name, arguments)):")
    command = [sys.executable, "-c", code, training_dir, out, event, word, "force"]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    new = content(out)
    assert ("saved_model.pb" in new) is is_new
    assert ("mine.txt" in new) is not is_new
    clean(training_dir, out, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    assert "saved_model.pb" in content(out)
    if is_new:
        assert content(out) == new
