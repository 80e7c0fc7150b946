"""What a routine leaves behind when it is closed, or could not be opened: nothing."""

import importlib.util
import sys
import tarfile
import tempfile

import fsspec
import pytest

from cpr.errors import LoadError, UserCodeError
from cpr.messages import Call
from cpr.serving import open_routine


def packed(folder):
    """The folder's files as an sdist."""
    path = folder.parent / f"{folder.name}-0.1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, f"{folder.name}-0.1")
    return str(path)


HOOKED = """
import cpr

log = {log!r}

class Mine(cpr.Predictor):
    @classmethod
    def from_path(cls, model_dir):
        {load}
        return cls()

    def predict(self, instances):
        return instances

    def warmup(self):
        {warmup}

    def close(self):
        with open(log, "a") as file:
            file.write("closed ")
        {close}
"""


@pytest.fixture
def hooked(tmp_path, monkeypatch):
    """Writes a project whose hooks do as told; its temporary folders can be listed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "project").mkdir()
    log = tmp_path / "log"
    log.touch()

    def write(load="pass", warmup="pass", close="pass"):
        text = HOOKED.format(log=str(log), load=load, warmup=warmup, close=close)
        (tmp_path / "project" / "predictor.py").write_text(text)
        return packed(tmp_path / "project"), "memory://model-of-a-test"

    write.log = log
    write.left_over = lambda: list((tmp_path / "temporary").iterdir())
    fsspec.filesystem("memory").pipe("/model-of-a-test/model.txt", b"weights")
    return write


FAILING = {
    "raises": ({"load": "raise ValueError('none')"}, "loading {} failed: ValueError: none", ""),
    "exits": ({"load": "raise SystemExit(1)"}, "loading {} failed: SystemExit: 1", ""),
    "warm_up": ({"warmup": "1 / 0"}, "warming up {} failed: ZeroDivisionError", "closed "),
    "close_too": ({"warmup": "1 / 0", "close": "{}[1]"}, "warming up {} failed: Zero", "closed "),
}


@pytest.mark.parametrize(("code", "message", "log"), FAILING.values(), ids=FAILING)
def test_a_load_that_fails_says_where_and_leaves_nothing_behind(hooked, code, message, log):
    path, modules = list(sys.path), set(sys.modules)
    with pytest.raises(LoadError) as caught:
        open_routine(*hooked(**code))
    assert message.format("'predictor.Mine'") in caught.value.problem
    assert caught.value.hint.startswith("predictor.py:")
    assert "cpr/serving.py" not in caught.value.user_traceback
    assert "predictor.py" in caught.value.user_traceback
    assert hooked.log.read_text() == log
    assert hooked.left_over() == []
    assert sys.path == path
    assert "predictor" not in set(sys.modules) - modules


def test_closing_runs_the_hook_once_and_leaves_nothing_behind(hooked):
    path = list(sys.path)
    with open_routine(*hooked()) as routine:
        assert len(hooked.left_over()) == 2
        assert len(sys.path) > len(path)
    routine.close()
    assert hooked.log.read_text() == "closed "
    assert hooked.left_over() == []
    assert sys.path == path
    assert importlib.util.find_spec("predictor") is None


def test_a_close_hook_that_fails_is_named_and_the_rest_released_all_the_same(hooked):
    routine = open_routine(*hooked(close="raise SystemExit('stuck')"))
    with pytest.raises(UserCodeError, match=r"closing 'predictor\.Mine' failed: SystemExit: stuck"):
        routine.close()
    assert hooked.left_over() == []


VERSION = """
from answers import ANSWER

class Mine:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return ANSWER
"""


def answer(routine):
    return routine.answer([Call(b'{"instances": []}')])[0].body


def test_two_versions_follow_each_other_and_are_never_open_at_once(tmp_path):
    packages = []
    for number in (1, 2):
        folder = tmp_path / f"version{number}"
        folder.mkdir()
        (folder / "predictor.py").write_text(VERSION)
        (folder / "answers.py").write_text(f"ANSWER = {number}")
        packages.append(packed(folder))
    first, second = packages
    model_dir = str(tmp_path)
    with open_routine(first, model_dir), pytest.raises(LoadError, match="a module 'answers' too"):
        open_routine(second, model_dir)
    for package, body in [(second, b'{"predictions":2}'), (first, b'{"predictions":1}')]:
        with open_routine(package, model_dir) as routine:
            assert answer(routine) == body


def test_libraries_of_a_virtual_environment_in_the_project_stay_loaded(tmp_path, monkeypatch):
    library = tmp_path / ".venv" / "lib" / "site-packages"
    library.mkdir(parents=True)
    (library / "answers.py").write_text("ANSWER = 3")
    (tmp_path / "predictor.py").write_text(VERSION)
    monkeypatch.syspath_prepend(library)
    with open_routine(f"{tmp_path}/predictor.py:Mine", str(tmp_path)) as routine:
        assert answer(routine) == b'{"predictions":3}'
    assert "predictor" not in sys.modules
    assert sys.modules.pop("answers").ANSWER == 3
