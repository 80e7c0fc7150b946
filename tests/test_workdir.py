"""User code's current directory, kept apart from the caller's."""

import os
from pathlib import Path

import pytest

from cpr.workdir import WorkingDirectory


@pytest.fixture
def folders(tmp_path, monkeypatch):
    for name in ("outside", "own", "other"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "outside")
    return tmp_path


def here():
    return Path.cwd().name


def test_changes_nothing_while_user_code_stays(folders):
    workdir = WorkingDirectory()
    with workdir:
        assert here() == "outside"
    assert not workdir.is_own


def test_starts_in_its_folder_and_comes_back(folders):
    workdir = WorkingDirectory(str(folders / "own"))
    assert workdir.is_own
    for _ in range(2):
        with workdir:
            assert here() == "own"
        assert here() == "outside"


def test_remembers_where_user_code_went(folders):
    workdir = WorkingDirectory()
    with workdir:
        os.chdir(folders / "other")
    assert here() == "outside"
    assert workdir.is_own
    with workdir:
        assert here() == "other"
    assert here() == "outside"


def test_comes_back_when_user_code_raises(folders):
    with pytest.raises(KeyError), WorkingDirectory(str(folders / "own")):
        os.chdir(folders / "other")
        raise KeyError
    assert here() == "outside"


def test_survives_folders_that_are_gone(folders):
    workdir = WorkingDirectory()
    with workdir:
        os.chdir(folders / "other")
        (folders / "other").rmdir()
    assert here() == "outside"
    os.chdir(folders / "own")
    (folders / "own").rmdir()
    with WorkingDirectory():
        os.chdir(folders)
    assert here() == folders.name
