import json
import signal
import subprocess
import sys

import pytest

from cpr.compiling import compile_model
from cpr.compiling.placing import place, remove
from cpr.errors import EnvironmentProblem


@pytest.fixture
def made(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "function-0.onnx").write_text("new")
    return folder


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


@pytest.fixture
def earlier(model):
    folder = model / "compiled"
    folder.mkdir()
    for name in ("compiled.json", "function-7.onnx"):
        (folder / name).write_text("old")
    return folder


@pytest.fixture
def foreign(model):
    (model / "compiled").mkdir()
    (model / "compiled" / "notes.txt").write_text("mine")
    return model / "compiled"


def names_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_replaces_what_an_earlier_run_left(made, earlier):
    place(made, {"schema": "x"}, earlier)
    names = ["compiled", "compiled/compiled.json", "compiled/function-0.onnx"]
    assert names_below(earlier.parent) == names
    assert json.loads((earlier / "compiled.json").read_text())["schema"] == "x"


def test_removes_what_an_earlier_run_left(earlier):
    remove(earlier)
    assert names_below(earlier.parent) == []


def test_there_may_be_nothing_to_remove(model):
    remove(model / "compiled")
    assert names_below(model) == []


def test_a_failure_leaves_what_was_there_and_nothing_else(made, earlier):
    (made / "folder").mkdir()  # cannot be copied as a file
    with pytest.raises(EnvironmentProblem, match="cannot be written: Is a directory"):
        place(made, {}, earlier)
    names = ["compiled", "compiled/compiled.json", "compiled/function-7.onnx"]
    assert names_below(earlier.parent) == names


@pytest.mark.parametrize("act", [lambda made, at: place(made, {}, at), lambda _, at: remove(at)])
def test_leaves_alone_what_something_else_wrote(made, foreign, act):
    with pytest.raises(EnvironmentProblem, match="was not written by cpr compile: it has no"):
        act(made, foreign)
    assert names_below(foreign.parent) == ["compiled", "compiled/notes.txt"]


def test_refuses_to_compile_beside_what_something_else_wrote(foreign):
    (foreign.parent / "model.bst").write_text("never read")
    with pytest.raises(EnvironmentProblem, match="was not written by cpr compile"):
        compile_model(foreign.parent)
    assert (foreign / "notes.txt").read_text() == "mine"


KILLED = """
import os, signal, sys
from pathlib import Path
from cpr.compiling.placing import place, remove

def kill(event, arguments):
    if event == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
made, folder = map(Path, sys.argv[2:4])
place(made, {"schema": "x"}, folder) if sys.argv[4] == "place" else remove(folder)
"""


@pytest.mark.parametrize(
    ("event", "act", "left"),
    [
        ("shutil.copyfile", "place", ["compiled.json", "function-7.onnx"]),
        ("ctypes.dlopen", "place", ["compiled.json", "function-7.onnx"]),
        ("shutil.rmtree", "place", ["compiled.json", "function-0.onnx"]),
        ("os.rename", "remove", ["compiled.json", "function-7.onnx"]),
        ("shutil.rmtree", "remove", []),
    ],
    ids=["copying", "swapping", "removing the old", "setting aside", "removing"],
)
def test_killed_it_leaves_what_was_there_or_the_new_and_the_next_run_sweeps(
    made, earlier, event, act, left
):
    command = [sys.executable, "-c", KILLED, event, made, earlier, act]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    model = earlier.parent
    assert (names_below(earlier) if earlier.exists() else []) == left
    (hidden,) = (path.name for path in model.iterdir() if path.name != "compiled")
    assert hidden.startswith(".compiled.")
    place(made, {"schema": "x"}, earlier)
    assert names_below(model) == ["compiled", "compiled/compiled.json", "compiled/function-0.onnx"]
