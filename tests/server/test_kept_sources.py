"""What a version was loaded from outlives what becomes of the files."""

import io
import tarfile
from pathlib import Path

import pytest

from cpr.errors import LoadError, PackageRefused
from cpr.server.kept_sources import KeptSource
from cpr.server.options import VersionSource


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The folder of temporary files; empty again when all is closed."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def package(path):
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("top/predictor.py"), io.BytesIO())
    return path


def filled(**open_with):
    kept = KeptSource(VersionSource("1", open_with, ("/watched",)))
    kept.fill()
    return kept


def test_packages_are_copied_with_their_signatures(tmp_path):
    target, other = package(tmp_path / "iris-0.1.tar.gz"), package(tmp_path / "extra-1.tar.gz")
    (tmp_path / "iris-0.1.tar.gz.sig").write_text("signed")
    before = target.read_bytes()
    kept = filled(target=str(target), packages=[str(other), str(tmp_path)], model_dir="/m")
    target.write_bytes(b"replaced")
    opening = kept.source.open_with
    assert Path(opening["target"]).read_bytes() == before
    assert Path(f"{opening['target']}.sig").read_text() == "signed"
    assert Path(opening["packages"][0]).name == "extra-1.tar.gz"
    assert Path(opening["packages"][0]).read_bytes() == other.read_bytes()
    assert opening["packages"][1] == str(tmp_path)
    assert (opening["model_dir"], kept.source.name, kept.source.watch) == ("/m", "1", ("/watched",))
    kept.close()


def test_model_behind_a_url_is_fetched_once(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("1")
    kept = filled(model_dir=f"file://{tmp_path}/model")
    (tmp_path / "model" / "weights").unlink()
    assert Path(kept.source.open_with["model_dir"], "weights").read_text() == "1"
    kept.close()


@pytest.mark.parametrize(
    "open_with",
    [{"target": "/project"}, {"target": "predictor:Mine", "model_dir": "/m"}, {"target": None}],
    ids=["project", "class", "model"],
)
def test_nothing_is_copied_of_what_is_read_in_place(open_with, temporary):
    kept = filled(**open_with)
    assert kept.source.open_with == open_with
    assert list(temporary.iterdir()) == []
    kept.close()


def test_copies_that_are_made_too_late_are_removed(tmp_path):
    kept = KeptSource(VersionSource("1", {"target": str(package(tmp_path / "iris-0.1.tar.gz"))}))
    kept.close()
    kept.fill()


@pytest.mark.parametrize(
    ("open_with", "kind"),
    [({"model_dir": "file:///nowhere/at/all"}, LoadError), ({}, PackageRefused)],
    ids=["URL", "damaged"],
)
def test_what_cannot_be_kept_is_told_and_leaves_nothing(tmp_path, open_with, kind):
    (tmp_path / "iris-0.1.tar.gz").write_bytes(b"no package")
    opening = {"target": str(package(tmp_path / "good-1.tar.gz")), **open_with}
    if kind is PackageRefused:
        opening["packages"] = [str(tmp_path / "iris-0.1.tar.gz")]
    with pytest.raises(kind):
        filled(**opening)
