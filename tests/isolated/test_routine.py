"""A routine in its own process answers as one in this process, and its end is explained."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cpr.errors import EnvironmentProblem, LoadError, UsageError, UserCodeError
from cpr.isolated import open_isolated
from cpr.serving import open_routine


@pytest.fixture
def routine(project, model_dir):
    with open_isolated(project, model_dir, timeout_s=60, echo=False) as opened:
        yield opened


def predictions(reply):
    return json.loads(reply.body)["predictions"]


def test_answers_as_in_process(project, model_dir, call):
    calls = [call(["echo", {"deep": [1, "ü", None]}]), call(["fail", "no"]), call()]
    with open_routine(str(project), str(model_dir)) as here:
        expected = here.answer(calls)
    with open_isolated(project, model_dir, echo=False) as there:
        replies = there.answer(calls)
        assert (there.name, there.is_batchable) == (here.name, here.is_batchable)
    assert [reply.body for reply in replies] == [reply.body for reply in expected]
    assert [reply.status for reply in replies] == [200, 500, 200]
    assert [reply.instance_count for reply in replies] == [1, 1, 0]


def test_an_error_arrives_with_class_hint_and_traceback(routine, call):
    (reply,) = routine.answer([call(["fail", "not today"])])
    assert type(reply.error) is UserCodeError
    assert reply.error.problem == "predict raised ValueError: not today"
    assert "predictor.py:" in reply.error.hint
    assert "raise ValueError(text)" in reply.error.user_traceback


def test_a_failed_load_raises_what_it_raises_in_process(tmp_path, model_dir):
    (tmp_path / "broken.py").write_text("import absent_library\n")
    with pytest.raises(LoadError) as here:
        open_routine(f"{tmp_path}/broken.py:P", str(model_dir))
    with pytest.raises(LoadError) as there:
        open_isolated(f"{tmp_path}/broken.py:P", model_dir, echo=False)
    assert str(there.value) == str(here.value)
    assert "absent_library" in there.value.problem
    assert there.value.user_traceback == here.value.user_traceback


def test_load_is_measured(routine):
    assert routine.load.seconds > 0
    assert routine.load.stdout_bytes == len("loading\n")
    assert 5_000_000 < routine.load.peak_rss_bytes < 500_000_000


def test_usage_does_not_start_with_the_callers_own_peak(routine):
    ballast = bytearray(400_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    assert routine.usage().peak_rss_bytes < 300_000_000


def test_sys_exit_is_an_error_like_any_other(routine, call):
    (reply,) = routine.answer([call(["leave_politely", 4])])
    assert "SystemExit: 4" in reply.error.problem
    assert predictions(routine.answer([call(["echo", 1])])[0]) == [1]


@pytest.mark.parametrize(
    ("instance", "said"),
    [
        (["leave", 3], "ended itself with exit code 3 while answering a request"),
        (["crash"], "was killed by SIGSEGV (signal 11) while answering a request"),
        (["signal_itself", 9], "was killed by SIGKILL (signal 9)"),
        (["hold_pipes_and_leave"], "ended itself with exit code 5"),
    ],
    ids=["os._exit", "segmentation fault", "killed as for memory", "a fork keeps its pipes open"],
)
def test_the_end_of_the_process_is_an_error_that_names_it(routine, call, instance, said):
    with pytest.raises(UserCodeError) as caught:
        routine.answer([call(instance)])
    assert said in caught.value.problem
    assert caught.value.hint


@pytest.mark.parametrize("how", ["crash", "leave"])
def test_an_end_names_the_line_of_user_code(routine, call, how):
    with pytest.raises(UserCodeError, match=rf"predictor.py:\d+ in {how}"):
        routine.answer([call([how, 3])])


def test_a_hang_ends_at_the_limit_and_names_its_line(project, model_dir, call):
    with (
        open_isolated(project, model_dir, timeout_s=5, echo=False) as routine,
        pytest.raises(UserCodeError) as caught,
    ):
        routine.answer([call(["hang"])])
    assert caught.value.problem == (
        "answering a request took longer than 5 s; the process was killed."
    )
    assert "in hang" in caught.value.hint


@pytest.mark.parametrize("on_load", ["leave", "hang", "crash"])
def test_a_process_that_ends_while_loading_is_explained(project, model_dir, monkeypatch, on_load):
    monkeypatch.setenv("TEST_ON_LOAD", on_load)
    with pytest.raises(UserCodeError, match="loading"):
        open_isolated(project, model_dir, timeout_s=3, echo=False)


def test_a_closed_channel_is_an_end_too(routine, call):
    with pytest.raises(UserCodeError):
        routine.answer([call(["close_every_file"])])


def test_asking_again_after_the_end_says_the_same(routine, call):
    messages = []
    for _ in range(2):
        with pytest.raises(UserCodeError) as caught:
            routine.answer([call(["leave", 3])])
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    "instance",
    [["say", "é" * 10], ["write_to_descriptor", "é" * 10 + "\n"], ["ask_c_to_print", "é" * 10]],
    ids=["print", "descriptor", "subprocess"],
)
def test_what_is_printed_is_counted_and_passed_on(project, model_dir, call, capsys, instance):
    with open_isolated(project, model_dir) as routine:
        before = routine.stdout_bytes
        routine.answer([call(instance)])
        assert routine.stdout_bytes - before == 21
    captured = capsys.readouterr()
    assert "é" * 10 in captured.err
    assert captured.out == ""


def test_a_flood_of_output_blocks_nobody(routine, call):
    routine.answer([call(["say", "x" * 5_000_000])])
    assert routine.stdout_bytes > 5_000_000
    routine.answer([call(["flood_from_a_thread"])])
    assert predictions(routine.answer([call(["echo", 1])])[0]) == [1]


def test_large_bodies_pass_both_ways(routine, call):
    text = "x" * 20_000_000
    assert predictions(routine.answer([call(["echo", text])])[0]) == [text]


def test_threads_may_share_it(routine, call):
    answers = {}

    def ask(number):
        answers[number] = predictions(routine.answer([call(["echo", number])])[0])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: [number] for number in range(8)}


def test_survives_the_thread_that_opened_it(project, model_dir, call):
    opened = []
    thread = threading.Thread(
        target=lambda: opened.append(open_isolated(project, model_dir, echo=False))
    )
    thread.start()
    thread.join()
    with opened[0] as routine:
        assert predictions(routine.answer([call(["echo", 1])])[0]) == [1]


def test_the_callers_directory_stays(routine, call, tmp_path):
    before = Path.cwd()
    routine.answer([call(["change_folder", str(tmp_path)])])
    assert Path.cwd() == before


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_closing_ends_what_user_code_started(project, model_dir, call):
    with open_isolated(project, model_dir, echo=False) as routine:
        (sleeper,) = predictions(routine.answer([call(["start_sleeper"])])[0])
        descriptor = os.pidfd_open(sleeper)
    assert select.select([descriptor], [], [], 30)[0], "what user code started is still there"
    os.close(descriptor)
    assert not is_running(routine.pid)


def test_closed_routine_answers_no_more(project, model_dir, call):
    routine = open_isolated(project, model_dir, echo=False)
    routine.close()
    routine.close()
    with pytest.raises(UsageError, match="is closed"):
        routine.answer([call()])


def test_a_failing_close_hook_is_raised(tmp_path, model_dir):
    (tmp_path / "closing.py").write_text(
        "import cpr\n"
        "class P(cpr.Predictor):\n"
        "    @classmethod\n"
        "    def from_path(cls, model_dir): return cls()\n"
        "    def predict(self, instances): return instances\n"
        "    def close(self): raise OSError('stuck')\n"
    )
    routine = open_isolated(f"{tmp_path}/closing.py:P", model_dir, echo=False)
    with pytest.raises(UserCodeError, match=r"closing .closing\.P. failed: OSError: stuck"):
        routine.close()
    assert not is_running(routine.pid)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=lambda s: s.name)
def test_dies_with_its_parent(project, model_dir, how):
    code = (
        "import os, signal, sys\n"
        "from cpr.isolated import open_isolated\n"
        "routine = open_isolated(*sys.argv[1:3], echo=False)\n"
        "print(routine.pid, flush=True)\n"
        "os.kill(os.getpid(), int(sys.argv[3]))\n"
    )
    command = [sys.executable, "-c", code, str(project), str(model_dir), str(int(how))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        descriptor = os.pidfd_open(child) if is_running(child) else None
        parent.wait()
    if descriptor is not None:
        assert select.select([descriptor], [], [], 30)[0], "the child outlived its parent"
        os.close(descriptor)


def test_clean_leaves_out_what_is_the_callers_own(project, model_dir, call, monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "key.json")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with open_isolated(project, model_dir, clean=True, echo=False) as routine:
        calls = [call(["environment", "GOOGLE_APPLICATION_CREDENTIALS"]), call(["path"])]
        credentials, path = routine.answer(calls)
    assert predictions(credentials) == [None]
    assert not {"", str(tmp_path)} & set(predictions(path)[0])


def test_an_interpreter_that_cannot_start_is_named(project, model_dir, tmp_path):
    absent = str(tmp_path / "python9")
    with pytest.raises(EnvironmentProblem, match=r"python9 cannot be started: No such file"):
        open_isolated(project, model_dir, python=absent)


def test_an_interpreter_without_what_cpr_requires_is_told(project, model_dir, tmp_path):
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    with pytest.raises(UserCodeError, match="lacks what cpr requires: No module named"):
        open_isolated(project, model_dir, python=str(bare / "bin" / "python"), echo=False)


def test_no_path_of_the_framework_is_left_on_the_childs_path(routine, call):
    (reply,) = routine.answer([call(["path"])])
    import cpr

    assert not set(cpr.__path__) & set(predictions(reply)[0])
