"""Which model there is, and whether it is whole."""

import json
import shutil
import zipfile

import pytest

from cpr.checks.run import check_routine
from cpr.checks.tensor_bundle import DamagedIndex, fields, read_index


@pytest.fixture
def model_dir(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A SavedModel of TensorFlow with an optimizer, after one step."""
    tf = pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")
    keras = tf.keras
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(tf.ones((2, 4)), tf.ones((2, 1)), verbose=0)
    folder = tmp_path_factory.mktemp("trained")
    tf.saved_model.save(model, str(folder / "whole"))
    model.export(str(folder / "inference"), verbose=False)
    return folder


def found(model_dir, **options):
    report = check_routine(None, str(model_dir), only=["artifacts"], **options)
    return [(item.id, item.severity, item.message) for item in report.findings]


def test_no_model_is_an_error(model_dir):
    ((identity, severity, message),) = found(model_dir)
    assert (identity, severity) == ("CPR310", "error")
    assert message.startswith(f"No model was found in {model_dir}: looked for saved_model.pb")


@pytest.mark.parametrize(
    "names", [("model.joblib", "model.onnx"), ("a.onnx", "b.onnx")], ids=["kinds", "files"]
)
def test_several_models_are_an_error(model_dir, names):
    for name in names:
        (model_dir / name).write_bytes(b"\x08\x07")
    ((identity, severity, message),) = [item for item in found(model_dir) if item[0] != "CPR312"]
    assert (identity, severity) == ("CPR311", "error")
    assert message.startswith(f"Multiple model files are found in the model_path {model_dir}")


WRONG = {
    "empty": ("model.onnx", b"", "it is empty"),
    "pointer": (
        "model.joblib",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "it is a Git LFS pointer, not the file itself; run git lfs pull",
    ),
    "web page": ("model.keras", b"<!DOCTYPE html>\n<html>", "it is a web page"),
    "graph": ("saved_model.pb", b"\x08\x01\x12\x70", "it is not a whole protocol buffer"),
    "no graph": ("saved_model.pb", b"\x08\x01", "it holds no graph"),
    "hdf5": ("model.h5", b"PK\x03\x04", r"it starts with b'PK\x03\x04', not as HDF5 does"),
    "zip": ("model.keras", b"PK\x03\x04cut", "it is not a whole zip file"),
    "litert": ("model.tflite", b"12345678", "it has not the mark of a LiteRT model"),
    "json": ("model.json", b'{"learner": {"gra', "it is not JSON"),
    "ubjson": ("model.ubj", b"{L\0", ""),
}


@pytest.mark.parametrize(("name", "content", "fault"), WRONG.values(), ids=WRONG)
def test_a_damaged_file_is_an_error(model_dir, name, content, fault):
    (model_dir / name).write_bytes(content)
    ((identity, severity, message),) = found(model_dir)
    assert (identity, severity) == ("CPR312", "error")
    assert message.startswith(f"{name} is damaged: {fault}")


def test_whole_files_are_not_told(model_dir):
    with zipfile.ZipFile(model_dir / "model.keras", "w") as file:
        file.writestr("config.json", json.dumps({}))
    assert found(model_dir) == []


def test_a_saved_model_that_is_whole_has_no_finding(trained):
    assert found(trained / "inference") == []


def test_the_state_of_an_optimizer_is_told_with_its_size(trained):
    ((identity, severity, message),) = found(trained / "whole")
    assert (identity, severity) == ("CPR331", "warning")
    assert " bytes of " in message
    assert "are the state of an optimizer" in message


@pytest.mark.parametrize("part", ["data", "index", "graph"])
def test_a_saved_model_that_is_cut_off_is_damaged(trained, model_dir, part):
    shutil.copytree(trained / "inference", model_dir, dirs_exist_ok=True)
    names = {"data": "variables/*.data*", "index": "variables/*.index", "graph": "saved_model.pb"}
    (path,) = model_dir.glob(names[part])
    path.write_bytes(path.read_bytes()[:-30])
    ((identity, _, message),) = found(model_dir)
    assert identity == "CPR312"
    said = {
        "data": "bytes and ends before",
        "index": "the index of the variables is damaged: it does not end as an index does",
        "graph": "saved_model.pb is damaged: it is not a whole protocol buffer",
    }
    assert said[part] in message


def test_variables_without_their_data_are_damaged(trained, model_dir):
    shutil.copytree(trained / "inference", model_dir, dirs_exist_ok=True)
    next(model_dir.glob("variables/*.data*")).unlink()
    ((identity, _, message),) = found(model_dir)
    assert identity == "CPR312"
    assert "variables.data-00000-of-… with " in message
    assert message.endswith(" is missing")


@pytest.mark.parametrize("folder", ["whole", "inference"])
def test_an_index_is_read_as_tensorflow_reads_it(trained, folder):
    import tensorflow as tf

    prefix = trained / folder / "variables" / "variables"
    reader = tf.train.load_checkpoint(str(prefix))
    shapes = reader.get_variable_to_shape_map()
    kinds = reader.get_variable_to_dtype_map()
    read = read_index(prefix.with_suffix(".index"))
    assert read.keys() == shapes.keys()
    for name, shape in shapes.items():
        if kinds[name] != tf.string:
            assert read[name].size == tf.TensorShape(shape).num_elements() * kinds[name].size


def table(block, *, form=0):
    """An index of one block, as LevelDB writes it."""
    data = block + bytes([form]) + b"\0\0\0\0"
    handle = bytes([0, len(block)])
    entries = b"\0\1" + bytes([len(handle)]) + b"z" + handle + b"\0\0\0\0" + b"\1\0\0\0"
    index_handle = bytes([len(data), len(entries)])
    whole = data + entries + b"\0\0\0\0\0"
    footer = b"\0\0" + index_handle
    return whole + footer.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")


ENTRIES = (
    b"\0\0\2\x08\1"  # the header: an empty key
    b"\0\5\4dense\x20\5\x28\7"  # dense: offset 5, 7 bytes
    b"\5\2\2_1\x28\3"  # dense_1: 3 bytes
    b"\0\0\0\0\1\0\0\0"
)


def packed(data):
    """Snappy with nothing but literals and one copy."""
    return bytes([len(data)]) + bytes([(len(data) - 1) << 2]) + data


@pytest.mark.parametrize("form", [0, 1], ids=["plain", "snappy"])
def test_entries_share_prefixes(tmp_path, form):
    path = tmp_path / "x.index"
    path.write_bytes(table(packed(ENTRIES) if form else ENTRIES, form=form))
    read = read_index(path)
    assert {name: (item.offset, item.size) for name, item in read.items()} == {
        "dense": (5, 7),
        "dense_1": (0, 3),
    }


def test_snappy_copies_what_came_before(tmp_path):
    long = b"\0\x0a\2aaaaaaaaaa\x28\3" + b"\0\0\0\0\1\0\0\0"
    # A literal of four bytes, a copy of nine bytes from one byte back, the rest.
    copied = bytes([len(long), 3 << 2]) + long[:4] + bytes([(9 - 4) << 2 | 1, 1])
    copied += bytes([(len(long) - 13 - 1) << 2]) + long[13:]
    path = tmp_path / "x.index"
    path.write_bytes(table(copied, form=1))
    assert list(read_index(path)) == ["a" * 10]


@pytest.mark.parametrize("length", range(0, 100, 7))
def test_a_damaged_index_is_told(tmp_path, length):
    path = tmp_path / "x.index"
    whole = table(ENTRIES)
    path.write_bytes(whole[: min(length, len(whole) - 1)])
    with pytest.raises(DamagedIndex):
        read_index(path)


def test_garbage_with_the_right_end_is_damaged(tmp_path):
    path = tmp_path / "x.index"
    for byte in range(256):
        path.write_bytes(bytes([byte]) * 60 + table(ENTRIES)[-8:])
        try:
            assert read_index(path) == {}
        except DamagedIndex as error:
            assert "cannot be read" in str(error)


def test_fields_of_a_message():
    assert list(fields(b"\x08\x96\x01\x12\x02hi\x1d\1\0\0\0")) == [
        (1, 150),
        (2, b"hi"),
        (3, b"\1\0\0\0"),
    ]
