"""The group: help, version, misspellings, and how every failure ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cpr import errors
from cpr.cli.app import SUMMARIES, load_command
from cpr.cli.exit_codes import EXIT_CODES

GOLDEN = Path(__file__).resolve().parent.parent / "golden"


def test_help_is_the_golden_file(cpr):
    shown = cpr("--help", env={**os.environ, "COLUMNS": "80"}).stdout
    golden = GOLDEN / "help.txt"
    if os.environ.get("CPR_UPDATE_GOLDEN"):
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_start_up_imports_no_command_and_no_heavy_library(flag):
    script = (
        "import sys; from cpr.cli import main; code = main([sys.argv[1]]); "
        "print(code, *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, flag], capture_output=True, text=True)
    code, *modules = done.stderr.split()
    assert code == "0"
    heavy = {"numpy", "flask", "tensorflow", "rich", "orjson", "fsspec", "logging.config"}
    assert not heavy.intersection(modules)
    loaded = {f"cpr.cli.{name.replace('-', '_')}" for name in SUMMARIES}.intersection(modules)
    assert not loaded
    assert "cpr.config" not in modules


@pytest.mark.parametrize("name", SUMMARIES)
def test_summary_in_the_table_is_the_command_s_own(name):
    assert load_command(name).get_short_help_str(limit=100) == SUMMARIES[name]


def test_version_is_that_of_the_installed_package(cpr):
    from importlib.metadata import version

    assert cpr("--version").stdout == f"cpr {version('cpr')}\n"


def test_no_arguments_shows_help_and_is_a_usage_error(cpr):
    done = cpr(expected=2)
    assert done.stdout == ""
    assert "Commands:" in done.stderr


def test_misspelled_command_gets_a_suggestion(cpr):
    done = cpr("predcit", expected=2)
    assert done.stderr == (
        "cpr: there is no command 'predcit'. Did you mean 'predict'?\n"
        "     Run 'cpr --help' for what it takes.\n"
    )


def test_misspelled_flag_gets_a_suggestion(cpr):
    done = cpr("predict", "--json-instnaces", "x", expected=2)
    assert done.stderr == (
        "cpr: cpr predict has no option '--json-instnaces'.\n"
        "     Did you mean '--json-instances'?\n"
        "     Run 'cpr predict --help' for what it takes.\n"
    )


def test_usage_error_is_a_json_document_too(cpr):
    done = cpr("predict", "--json", "--no-such", expected=2)
    document = json.loads(done.stdout)
    assert document["schema"] == "cpr.predict/1"
    assert document["ok"] is False
    assert document["summary"] == {"exit_code": 2, "error": "UsageError"}
    assert document["findings"][0]["id"] == "CPR002"


def test_every_error_has_a_documented_exit_code():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert {kind.exit_code for kind in kinds} <= set(EXIT_CODES)


def test_bug_of_ours_is_70_and_saves_its_traceback(tmp_path):
    # A command whose module is missing stands for any error that is not ours.
    script = (
        "import sys, cpr.cli.app as app; app.SUMMARIES['broken'] = ''; "
        "sys.exit(app.main(['broken', '--json']))"
    )
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environ
    )
    assert done.returncode == 70
    assert "this is a bug in cpr: ModuleNotFoundError" in done.stderr
    assert "Traceback" not in done.stderr
    [saved] = tmp_path.glob("cpr-bug-*.txt")
    assert str(saved) in done.stderr
    assert "Traceback (most recent call last)" in saved.read_text()
    document = json.loads(done.stdout)
    assert document["schema"] == "cpr.broken/1"
    assert document["findings"][0]["id"] == "CPR070"


def test_bug_shows_its_traceback_where_nothing_can_be_saved(tmp_path):
    script = (
        "import sys, tempfile, cpr.cli.app as app; app.SUMMARIES['broken'] = ''; "
        f"tempfile.tempdir = {str(tmp_path / 'missing')!r}; sys.exit(app.main(['broken']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 70
    assert "could not be saved (No such file or directory)" in done.stderr
    assert "Traceback (most recent call last)" in done.stderr


def test_interrupt_is_130_without_a_traceback(cpr, project):
    source = """
        import os, signal

        class MyPredictor:
            @classmethod
            def from_path(cls, model_dir):
                os.kill(os.getpid(), signal.SIGINT)

            def predict(self, instances):
                return instances
    """
    done = cpr("predict", *project(source), "--json-instances=-", stdin="1\n", expected=130)
    assert done.stderr == "cpr: interrupted\n"


WAITER = """
    import os, signal, time

    class MyPredictor:
        @classmethod
        def from_path(cls, model_dir):
            os.kill(os.getpid(), signal.SIGNAL)
            os.kill(os.getpid(), signal.SIGNAL)
            return cls()

        def predict(self, instances):
            return instances
"""


@pytest.mark.parametrize(
    ("name", "code", "said", "error"),
    [
        ("SIGINT", 130, "interrupted", "KeyboardInterrupt"),
        ("SIGTERM", 143, "terminated", "Terminated"),
    ],
    ids=["ctrl-c", "sigterm"],
)
def test_stopped_command_cleans_up_and_prints_its_document(
    cpr, project, tmp_path, name, code, said, error
):
    folder, model_dir = project(WAITER.replace("SIGNAL", name))
    cpr("package", folder, "--prediction-class=predictor.MyPredictor", "--name=a", "--version=1")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    flags = [folder / "dist" / "a-1.tar.gz", model_dir, "--json-instances=-", "--json"]
    environ = {**os.environ, "TMPDIR": str(temporary)}
    done = cpr("predict", *flags, stdin="1\n", env=environ, expected=code)
    assert done.stderr == f"cpr: {said}\n"
    document = json.loads(done.stdout)
    assert document["ok"] is False
    assert document["summary"] == {"exit_code": code, "error": error}
    assert [item["message"] for item in document["findings"]] == [said]
    assert not list(temporary.iterdir())


def test_crash_of_native_code_shows_the_line_that_called_it(cpr, project):
    source = """
        import ctypes

        class MyPredictor:
            @classmethod
            def from_path(cls, model_dir):
                return cls()

            def predict(self, instances):
                ctypes.string_at(0)
    """
    flags = [*project(source), "--json-instances=-"]
    done = cpr("predict", *flags, stdin="1\n", expected=-signal.SIGSEGV)
    assert "Segmentation fault" in done.stderr
    assert 'predictor.py", line 10 in predict' in done.stderr


@pytest.mark.parametrize(
    "arguments", [["--help"], ["predict", "--help"], ["replay", "-", "predictor:P"]], ids=str
)
def test_reader_that_went_away_ends_quietly(tmp_path, arguments):
    (tmp_path / "model").mkdir()
    (tmp_path / "predictor.py").write_text(
        "class P:\n"
        "    from_path = classmethod(lambda cls, model_dir: cls())\n"
        "    def predict(self, instances): return instances\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    if arguments[0] == "replay":
        arguments = [*arguments, "--model-dir=model"]
    done = subprocess.run(
        [sys.executable, "-m", "cpr", *arguments],
        cwd=tmp_path,
        input=b"[1]\n",
        stdout=writer,
        stderr=subprocess.PIPE,
    )
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 128 + signal.SIGPIPE


@pytest.mark.parametrize("streams", ["stdout", "both"])
def test_reader_of_package_or_of_an_error_that_went_away_ends_quietly(project, streams):
    folder, _ = project()
    flags = ["--prediction-class=predictor.MyPredictor", "--name=a", "--version=1"]
    if streams == "both":
        flags = ["--prediction-class=predictor.Missing"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "cpr", "package", folder, *flags],
        cwd=folder.parent,
        stdout=writer,
        stderr=subprocess.PIPE if streams == "stdout" else writer,
    )
    os.close(writer)
    assert not done.stderr
    assert done.returncode == 128 + signal.SIGPIPE


@pytest.mark.parametrize(
    "arguments",
    [["predict"], ["predict", "--json"], ["predict", "--json", "--no-such"], ["--help"]],
    ids=" ".join,
)
def test_full_disk_behind_standard_output_is_a_message(project, arguments):
    flags = [*project(), "--json-instances=-"] if arguments[0] == "predict" else []
    command = [sys.executable, "-m", "cpr", *arguments, *flags]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, input="1\n", stdout=full, stderr=subprocess.PIPE, text=True)
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if "--no-such" in arguments else 20)


def test_current_directory_is_not_importable(cpr, project, tmp_path):
    (tmp_path / "predictor.py").write_text("raise SystemExit('the wrong one')\n")
    (tmp_path / "click.py").write_text("raise SystemExit('the wrong one')\n")
    done = cpr("predict", *project(), "--json-instances=-", stdin="4\n")
    assert done.stdout == "[8]\n"


def test_messages_never_go_to_standard_output(tmp_path):
    command = f"{sys.executable} -m cpr predict 2>&-"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")


def test_closed_standard_input_is_an_empty_file(project):
    folder, model_dir = project()
    script = 'exec "$0" -m cpr predict "$1" "$2" --json-instances=- <&-'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, folder, model_dir], capture_output=True, text=True
    )
    assert done.returncode == 11
    assert "<stdin>: the file is empty." in done.stderr
