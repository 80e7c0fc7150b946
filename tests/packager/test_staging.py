import hashlib
import os
from pathlib import Path

import pytest

from cpr.errors import ConfigError, EnvironmentProblem, UsageError
from cpr.manifest import MemberRecord
from cpr.packager.staging import publish_staged, staged

EPOCH = 1_000_000_000


@pytest.fixture
def model_dir(tmp_path):
    """A model directory as training leaves it."""
    files = {
        "model.joblib": "model",
        "labels.txt": "a\nb\n",
        "assets/vocabulary.txt": "word\n",
        ".git/HEAD": "ref",
        "train.ipynb": "{}",
        "events.out.tfevents.1": "12345",
        "checkpoint": "x" * 100,
    }
    for name, text in files.items():
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "model" / "empty").mkdir()
    return tmp_path / "model"


@pytest.fixture
def stage(model_dir, tmp_path):
    """Stage and publish; returns what was staged."""

    def stage(source=model_dir, target=tmp_path / "dist" / "x-1-model", *, is_own=True, **options):
        with staged(source, target, is_own=is_own, epoch=EPOCH, **options) as (model, folder):
            publish_staged(model, folder)
        return model

    return stage


def tree(folder):
    """Every file and folder, with its content, mode and time."""
    return {
        path.relative_to(folder).as_posix(): (
            path.read_bytes() if path.is_file() else None,
            path.stat().st_mode & 0o777,
            path.stat().st_mtime,
        )
        for path in sorted(folder.rglob("*"))
    }


def test_the_copy_holds_what_serving_needs_and_nothing_else(stage):
    model = stage()
    files = ["assets/vocabulary.txt", "labels.txt", "model.joblib"]
    assert sorted(tree(model.path)) == ["assets", *files]
    assert sorted(model.files) == files
    assert model.files["labels.txt"] == MemberRecord(hashlib.sha256(b"a\nb\n").hexdigest(), 4)
    assert model.size == 14


def test_what_was_left_behind_is_reported_with_its_bytes(stage):
    report = [(one.reason.value, one.size, one.files) for one in stage().omissions]
    assert report == [
        ("checkpoints", 100, ("checkpoint",)),
        ("TensorBoard events", 5, ("events.out.tfevents.1",)),
        ("version control", 3, (".git/HEAD",)),
        ("notebooks", 2, ("train.ipynb",)),
    ]


def test_the_same_model_gives_the_same_copy(stage, model_dir, tmp_path):
    first = tree(stage().path)
    (model_dir / "labels.txt").chmod(0o600)
    os.utime(model_dir / "model.joblib", (1, 1))
    before = os.umask(0o077)
    try:
        second = tree(stage(target=tmp_path / "elsewhere").path)
    finally:
        os.umask(before)
    assert first == second
    assert {entry[2] for entry in first.values()} == {EPOCH}
    assert first["labels.txt"][1] == 0o644
    assert first["assets"][1] == 0o755


def test_the_model_directory_is_only_read(stage, model_dir):
    before = tree(model_dir)
    stage()
    assert tree(model_dir) == before


def test_an_older_copy_is_replaced_whole(stage, model_dir):
    target = stage().path
    (model_dir / "labels.txt").unlink()
    stage()
    assert not (target / "labels.txt").exists()
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_patterns_keep_files_that_look_useless(stage):
    model = stage(keep=["checkpoint", ".git"])
    assert {".git/HEAD", "checkpoint"} <= set(model.files)
    assert not {".git/HEAD", "checkpoint"} & {f for one in model.omissions for f in one.files}


def test_a_pattern_that_names_nothing_is_refused(stage):
    with pytest.raises(ConfigError, match=r"'\*\.bin' of model files to keep names no file"):
        stage(keep=["*.bin"])


def test_links_are_followed(stage, model_dir, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "blob").write_text("weights")
    (model_dir / "weights.bin").symlink_to(tmp_path / "store" / "blob")
    (model_dir / "linked").symlink_to(tmp_path / "store")
    (model_dir / "round").symlink_to(model_dir)
    model = stage()
    assert {"weights.bin", "linked/blob"} <= set(model.files)
    assert not any(name.startswith("round") for name in model.files)
    assert not any(path.is_symlink() for path in model.path.rglob("*"))


def test_a_broken_link_is_an_error(stage, model_dir):
    (model_dir / "weights.bin").symlink_to("nowhere")
    with pytest.raises(ConfigError, match=r"weights\.bin is a link to nowhere, which is not there"):
        stage()


def test_what_is_no_file_is_not_read(stage, model_dir):
    os.mkfifo(model_dir / "pipe")
    assert "pipe" not in stage().files


def test_a_name_that_no_manifest_can_hold_is_refused(stage, model_dir):
    Path(os.fsdecode(bytes(model_dir) + b"/bad\xff.bin")).write_text("")
    with pytest.raises(ConfigError, match="cannot be staged; rename it"):
        stage()


def test_a_directory_with_nothing_to_serve_is_an_error(stage, tmp_path):
    (tmp_path / "bare").mkdir()
    with pytest.raises(ConfigError, match="holds nothing that serving needs") as caught:
        stage(tmp_path / "bare")
    assert "train and save a model first" in caught.value.hint
    (tmp_path / "bare" / ".env").write_text("")
    with pytest.raises(ConfigError) as caught:
        stage(tmp_path / "bare")
    assert caught.value.hint == "Left behind: .env. Keep files with --model-keep GLOB."
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize("place", [".", "staged", ".."])
def test_model_and_copy_do_not_lie_within_each_other(stage, model_dir, place):
    with pytest.raises(UsageError, match="lie within each other"):
        stage(target=model_dir / place)


def test_a_directory_of_somebody_else_is_not_replaced(stage, tmp_path):
    target = tmp_path / "precious"
    target.mkdir()
    (target / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"holds thesis\.tex, which is none of the model's files"):
        stage(target=target, is_own=False)
    assert (target / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("names", [[], ["model.joblib"]], ids=["empty", "an older copy"])
def test_a_directory_with_nothing_to_lose_is_replaced(stage, tmp_path, names):
    target = tmp_path / "staged"
    target.mkdir()
    for name in names:
        (target / name).write_text("old")
    stage(target=target, is_own=False)
    assert (target / "model.joblib").read_text() == "model"


def test_a_file_or_a_link_in_the_way_is_an_error(stage, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    for name in ("file", "link"):
        with pytest.raises(UsageError, match="is there and is no directory"):
            stage(target=tmp_path / name)


def test_a_file_that_cannot_be_read_leaves_the_older_copy(stage, model_dir, monkeypatch):
    target = stage().path
    before = tree(target)
    (model_dir / "new.bin").write_text("new")
    real = Path.open

    def deny(path, *arguments, **options):
        if path.name == "new.bin" and "x" not in "".join(map(str, arguments)):
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(EnvironmentProblem, match=r"new\.bin cannot be copied .*Permission denied"):
        stage()
    assert tree(target) == before
    assert [path.name for path in target.parent.iterdir()] == [target.name]
