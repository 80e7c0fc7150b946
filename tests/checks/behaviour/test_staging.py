"""A routine runs on a copy of its model directory, and its traces are seen."""

import os

from cpr.checks.behaviour import staging
from cpr.checks.behaviour.staging import stage


def model(tmp_path):
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "b.txt").write_text("b")
    return folder


def test_what_is_written_is_seen_and_the_original_stays(tmp_path):
    original = model(tmp_path)
    place = stage(original, tmp_path)
    assert place.written() == place.left() == []
    (place.model_dir / "a.txt").write_text("changed")
    (place.model_dir / "sub" / "b.txt").unlink()
    (place.model_dir / "new.txt").touch()
    (place.model_dir / "__pycache__").mkdir()
    (place.model_dir / "__pycache__" / "x.pyc").touch()
    (place.folder / "debug.txt").touch()
    assert place.written() == ["a.txt", "new.txt", "sub/b.txt"]
    assert place.left() == ["debug.txt"]
    assert (original / "a.txt").read_text() == "a"


def test_the_copy_can_be_taken_away_and_is_not_named(tmp_path):
    original = model(tmp_path)
    place = stage(original, tmp_path)
    assert place.model_dir.name == "model"
    assert place.told(f"no {place.model_dir}/a.txt".encode()) == f"no {original}/a.txt".encode()
    place.remove_model()
    assert not place.model_dir.exists()
    assert original.exists()


def test_a_large_model_is_linked_to(tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "_COPIED_BYTES", 1)
    original = model(tmp_path)
    place = stage(original, tmp_path)
    assert (place.model_dir / "sub" / "b.txt").is_symlink()
    assert (place.model_dir / "sub" / "b.txt").read_text() == "b"
    place.remove_model()
    assert (original / "sub" / "b.txt").read_text() == "b"


def test_no_model_directory_is_an_empty_one(tmp_path):
    place = stage(None, tmp_path)
    assert os.listdir(place.model_dir) == []
    assert place.told(str(place.model_dir).encode()) == b"the model directory"
