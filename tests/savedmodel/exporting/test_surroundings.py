"""What lies beside a source is told of, no model is exported into itself, full disks are told."""

import errno
import shutil

import pytest

from cpr.errors import EnvironmentProblem, UsageError
from cpr.savedmodel import export
from cpr.savedmodel.exporting.surroundings import full_disks_told


@pytest.fixture(scope="module")
def exported(mlp, tmp_path_factory):
    return export(mlp, tmp_path_factory.mktemp("exported")).path


def test_files_that_predictors_read_beside_a_model_are_told_of(exported, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(exported, model)
    for name in ("labels.txt", "preprocessor.joblib", "README"):
        (model / name).write_text("a\nb\nc\n")
    [note] = export(model, tmp_path / "out").notes
    assert f"beside the model in {model}: preprocessor.joblib, labels.txt." in note


def test_nothing_is_told_where_nothing_lies_beside(exported, tmp_path):
    assert export(exported, tmp_path / "out").notes == ()


def test_a_model_is_not_exported_into_itself(exported):
    with pytest.raises(UsageError, match="the SavedModel that is exported"):
        export(exported, exported / "again")
    assert not (exported / "again").exists()


def test_a_version_is_exported_to_the_one_after(exported):
    assert export(exported.parent, exported.parent).path == exported.with_name("2")


def test_a_refused_sample_says_why_as_keras_does(mlp, tmp_path):
    with pytest.raises(UsageError) as raised:
        export(mlp, tmp_path / "out", samples=[[1.0, 2.0, 3.0]])
    assert "Exception encountered" not in raised.value.problem
    assert "shape" in raised.value.problem
    assert "\x1b" not in raised.value.problem


@pytest.mark.parametrize("kind", ["python", "tensorflow"])
def test_a_full_disk_is_no_bug(tf, tmp_path, kind):
    error = OSError(errno.ENOSPC, "No space left on device")
    if kind == "tensorflow":
        error = tf.errors.ResourceExhaustedError(None, None, "out/x.index; No space left on device")
    with (
        pytest.raises(EnvironmentProblem, match="cannot be written: No space left on device"),
        full_disks_told(tf, tmp_path),
    ):
        raise error


def test_other_errors_of_tensorflow_stay_what_they_are(tf, tmp_path):
    with pytest.raises(tf.errors.ResourceExhaustedError), full_disks_told(tf, tmp_path):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
