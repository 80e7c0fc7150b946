"""What makes a reload load a version anew."""

from __future__ import annotations

import pytest

from cpr.server.loading import mark_of
from cpr.server.options import VersionSource


@pytest.fixture
def numbered(tmp_path):
    """The folder of a numbered version, and how to open it."""
    folder = tmp_path / "models" / "1"
    folder.mkdir(parents=True)
    (folder / "model.joblib").touch()
    return folder, VersionSource("1", {"target": None, "model_dir": str(folder)}, ())


@pytest.mark.parametrize("name", ["labels.txt", "classes.json", "preprocessor.pkl"])
def test_what_lies_beside_the_versions_for_all_of_them_changes_each(numbered, name):
    folder, source = numbered
    before = mark_of(source)
    (folder.parent / name).write_text("a")
    assert mark_of(source) != before


@pytest.mark.parametrize("name", ["README.md", "access.log", "2"])
def test_what_else_lies_beside_a_version_does_not_change_it(numbered, name):
    folder, source = numbered
    before = mark_of(source)
    (folder.parent / name).write_text("a")
    assert before and mark_of(source) == before
