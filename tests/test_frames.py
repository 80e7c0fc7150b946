"""Which frames of a traceback are the user's own, and which are cut away."""

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import cpr
from cpr.frames import user_line, user_tail, user_traceback

OURS = str(Path(cpr.__file__).parent)
PROJECT = "/home/ann/project"
VENV = f"{PROJECT}/.venv/lib/python3.11/site-packages"
STANDARD = str(Path(json.__file__).parent)


def raised(*files, error=None):
    """The error of a call that goes through a function in each of these files, outermost first."""
    call = None
    for file in reversed(files):
        body = "raise error" if call is None else "inner()"
        scope = {"inner": call, "error": error or ValueError("bad row")}
        exec(compile(f"def step():\n    {body}\n", file, "exec"), scope)
        call = scope["step"]
    try:
        call()
    except BaseException as caught:
        caught.__traceback__ = caught.__traceback__.tb_next  # this very function
        return caught


def files_of(trace):
    found = []
    while trace is not None:
        found.append(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    return found


MINE = f"{PROJECT}/predictor.py"
HELPER = f"{PROJECT}/pkg/helper.py"
BINDING = f"{OURS}/binding.py"
NUMPY = "/usr/lib/python3/site-packages/numpy/core.py"

TAILS = {
    "ends in the user's frame": ([BINDING, MINE], [PROJECT], [MINE]),
    "libraries below are cut": ([BINDING, MINE, HELPER, NUMPY, NUMPY], [PROJECT], [MINE, HELPER]),
    "libraries between stay": ([BINDING, MINE, NUMPY, HELPER], [PROJECT], [MINE, NUMPY, HELPER]),
    "virtual environment below the root": (
        [BINDING, MINE, f"{VENV}/numpy/core.py"],
        [PROJECT],
        [MINE],
    ),
    "no root, a library": ([BINDING, MINE, NUMPY], [], [MINE]),
    "no root, Debian's libraries": ([MINE, "/usr/lib/python3/dist-packages/x.py"], [], [MINE]),
    "no root, the standard library": ([MINE, f"{STANDARD}/decoder.py"], [], [MINE]),
    "no frame of the user": ([BINDING, NUMPY], [], []),
    "only the standard library": ([BINDING, f"{STANDARD}/decoder.py"], [PROJECT], []),
    "root elsewhere": ([BINDING, MINE, NUMPY], ["/home/ann/other"], [MINE]),
    "root of the file system": ([BINDING, MINE, NUMPY], ["/"], [MINE]),
    "root with a namesake beside": ([MINE, f"{PROJECT}2/x.py"], [PROJECT], [MINE]),
    "user's class is installed": (
        [BINDING, f"{VENV}/iris/predictor.py", f"{VENV}/iris/pre.py", f"{VENV}/numpy/core.py"],
        ["/home/ann/elsewhere"],
        [f"{VENV}/iris/predictor.py", f"{VENV}/iris/pre.py"],
    ),
    "user's module is installed": (
        [f"{VENV}/predictor.py", f"{VENV}/numpy/core.py"],
        ["/home/ann/elsewhere"],
        [f"{VENV}/predictor.py"],
    ),
    "user code inside ours": ([BINDING, f"{OURS}/x/mine.py"], [f"{OURS}/x"], [f"{OURS}/x/mine.py"]),
    "evaluated text": ([BINDING, MINE, "<string>"], [PROJECT], [MINE]),
    "a notebook's cell": ([BINDING, "<ipython-input-3>", NUMPY], [], ["<ipython-input-3>"]),
    "imports": (["<frozen importlib._bootstrap>", MINE], [PROJECT], [MINE]),
}


@pytest.mark.parametrize(("files", "roots", "expected"), TAILS.values(), ids=TAILS)
def test_tail_ends_in_the_users_deepest_frame(files, roots, expected):
    trace = user_tail(raised(*files).__traceback__, map(Path, roots))
    assert files_of(trace) == expected


def test_tail_of_an_error_without_traceback_is_none():
    assert user_tail(None) is None


def test_tail_keeps_the_frames_themselves_for_a_debugger():
    error = raised(BINDING, MINE, NUMPY)
    trace = user_tail(error.__traceback__, [Path(PROJECT)])
    assert trace.tb_frame is error.__traceback__.tb_next.tb_frame
    assert (trace.tb_lineno, trace.tb_next) == (2, None)


@pytest.fixture
def real_file(tmp_path):
    path = tmp_path / "predictor.py"
    path.write_text("def predict():\n    return 1 / 0\n")
    scope = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    try:
        scope["predict"]()
    except ZeroDivisionError as error:
        return error


def test_line_names_file_line_function_and_code(real_file, tmp_path):
    line = "predictor.py:2 in predict: return 1 / 0"
    assert user_line(real_file, [tmp_path]) == line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (raised(BINDING, MINE, NUMPY), "predictor.py:2 in step"),
        (raised(BINDING, NUMPY), ""),
        (ValueError("never raised"), ""),
        (SyntaxError("bad", ("/x/preprocess.py", 7, 1, "  def f(:\n")), "preprocess.py:7: def f(:"),
        (SyntaxError("bad", ("/x/preprocess.py", None, None, None)), "preprocess.py:1"),
        (
            raised(BINDING, MINE, error=SyntaxError("bad", ("<unknown>", 1, 1, "(("))),
            "predictor.py:2 in step",
        ),
    ],
    ids=["no source", "no user frame", "no frame", "syntax", "syntax without text", "parsed text"],
)
def test_line_of_other_errors(error, line):
    assert user_line(error, []) == line


def test_traceback_starts_at_the_users_first_frame_and_keeps_libraries():
    text = user_traceback(raised(BINDING, MINE, NUMPY, HELPER), [Path(PROJECT)])
    assert text.splitlines() == [
        "Traceback (most recent call last):",
        f'  File "{MINE}", line 2, in step',
        f'  File "{NUMPY}", line 2, in step',
        f'  File "{HELPER}", line 2, in step',
        "ValueError: bad row",
    ]


@pytest.mark.parametrize("is_cause", [True, False], ids=["raised from", "while handling"])
def test_traceback_cuts_our_frames_from_the_whole_chain(is_cause):
    first = raised(BINDING, MINE, error=KeyError("petal"))
    second = raised(BINDING, HELPER)
    if is_cause:
        second.__cause__ = first
    else:
        second.__context__ = first
    text = user_traceback(second, [Path(PROJECT)])
    assert "KeyError: 'petal'" in text
    assert ("direct cause" in text) == is_cause
    assert OURS not in text
    assert text.index(MINE) < text.index(HELPER)


def test_traceback_of_a_chain_that_bites_its_tail_ends():
    first, second = raised(BINDING, MINE), raised(BINDING, HELPER)
    first.__context__, second.__context__ = second, first
    assert OURS not in user_traceback(first)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")
def test_traceback_cuts_our_frames_from_groups_too():
    inner = raised(BINDING, MINE)
    group = raised(BINDING, HELPER, error=ExceptionGroup("two rows", [inner]))  # noqa: F821
    text = user_traceback(group, [Path(PROJECT)])
    assert MINE in text
    assert OURS not in text


def test_traceback_shows_the_place_of_a_syntax_error():
    try:
        compile("def predict(:\n", MINE, "exec")
    except SyntaxError as error:
        text = user_traceback(error, [Path(PROJECT)])
    assert f'File "{MINE}", line 1' in text
    assert "def predict(:" in text


def test_our_frames_are_cut_when_we_are_installed_inside_the_project(tmp_path):
    """A virtual environment below the project's folder is where most people have it."""
    site = tmp_path / ".venv" / "lib" / "python3" / "site-packages"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(OURS, site / "cpr", ignore=ignored)
    (tmp_path / "predictor.py").write_text(
        "class P:\n"
        "    from_path = classmethod(lambda cls, path: cls())\n"
        "    def predict(self, instances):\n"
        "        return instances['x']\n"
    )
    script = """
        import sys
        from pathlib import Path
        sys.path.append(sys.argv[1])
        from cpr.binding import load
        from cpr.config import PredictorSettings
        from cpr.frames import user_line, user_traceback
        from cpr.messages import Instances
        from predictor import P
        import cpr
        print(cpr.__file__)
        roots = [Path(sys.argv[1])]
        try:
            load(P, "predictor.P", "/model", PredictorSettings()).run(Instances([1]))
        except TypeError as error:
            print(user_traceback(error, roots))
            print(user_line(error, roots))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[0] == str(site / "cpr" / "__init__.py")
    assert not [line for line in lines[1:] if "site-packages" in line]
    assert lines[-1] == "predictor.py:4 in predict: return instances['x']"
