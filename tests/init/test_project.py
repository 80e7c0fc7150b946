"""Where a project goes: never over what is there unasked, never half of it."""

import pytest

from cpr.errors import EnvironmentProblem, LoadError, UsageError
from cpr.init import create_project


def names(folder):
    return sorted(item.name for item in folder.iterdir())


def test_makes_the_directory_and_its_parents(tmp_path):
    project = create_project(tmp_path / "a" / "b", template="bare")
    assert names(tmp_path / "a") == ["b"]
    assert "predictor.py" in project.files
    assert sorted(project.files) == sorted(
        p.relative_to(project.path).as_posix() for p in project.path.rglob("*") if p.is_file()
    )


def test_fills_an_empty_directory_without_replacing_it(tmp_path):
    inode = tmp_path.stat().st_ino
    create_project(tmp_path, template="bare")
    assert tmp_path.stat().st_ino == inode
    assert "predictor.py" in names(tmp_path)


def test_refuses_a_directory_with_something_in_it(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError) as caught:
        create_project(tmp_path, template="bare")
    assert caught.value.problem == f"{tmp_path} is not empty: it holds notes.txt."
    assert "give --force: files of the same name are replaced" in caught.value.hint
    assert names(tmp_path) == ["notes.txt"]


def test_force_replaces_files_of_the_same_name_only(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "predictor.py").write_text("old")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_mine.py").write_text("mine")
    create_project(tmp_path, template="bare", force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert "class MyPredictor" in (tmp_path / "predictor.py").read_text()
    assert names(tmp_path / "tests") == ["test_mine.py", "test_routine.py"]


@pytest.mark.parametrize("force", [False, True], ids=["", "forced"])
def test_refuses_a_file(tmp_path, force):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="file is a file"):
        create_project(tmp_path / "file", force=force)
    assert (tmp_path / "file").read_text() == "mine"


def test_leaves_nothing_behind_when_the_model_cannot_be_read(tmp_path):
    (tmp_path / "model.pkl").write_bytes(b"no pickle")
    with pytest.raises(LoadError):
        create_project(tmp_path / "project", from_model=tmp_path / "model.pkl")
    assert names(tmp_path) == ["model.pkl"]


def test_leaves_nothing_behind_when_it_cannot_be_published(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.rename", full)
    with pytest.raises(EnvironmentProblem, match=r"project cannot be written: No space left"):
        create_project(tmp_path / "project", template="bare")
    assert names(tmp_path) == []


def test_names_the_template_that_was_meant(tmp_path):
    with pytest.raises(UsageError, match="there is no template 'kears'") as caught:
        create_project(tmp_path / "p", template="kears")
    assert "Did you mean 'keras'?" in caught.value.hint


@pytest.mark.parametrize(
    ("folder", "name"),
    [("iris", "iris"), ("My Iris (new)", "My-Iris-new"), ("_x_", "x"), ("日本", "my-routine")],
    ids=["as it is", "odd characters", "odd ends", "nothing left"],
)
def test_the_package_is_named_after_the_directory(tmp_path, folder, name):
    create_project(tmp_path / folder, template="bare")
    assert f'name = "{name}"\n' in (tmp_path / folder / "cpr.toml").read_text()


def test_the_package_may_have_a_name_of_its_own(tmp_path):
    project = create_project(tmp_path / "p", template="bare", name="Fruit.Stand")
    assert project.stem == "fruit_stand"
    assert 'name = "Fruit.Stand"\n' in (tmp_path / "p" / "cpr.toml").read_text()


def test_refuses_a_name_that_no_package_can_have(tmp_path):
    with pytest.raises(UsageError, match="the name 'a/b' cannot be that of a package"):
        create_project(tmp_path / "p", template="bare", name="a/b")
    assert names(tmp_path) == []
