"""What is written, TensorFlow reads."""

import numpy as np
import pytest

from cpr.errors import LoadError
from cpr.savedmodel.bundle import Bundle, read_index
from cpr.savedmodel.bundle_writer import BundleWriter


def copy(source, target, names=None):
    with Bundle(source) as bundle, BundleWriter(target) as writer:
        for name in names or bundle.entries:
            writer.copy(bundle, bundle.entries[name])
        writer.finish()
        return writer.shared_bytes


def test_tensorflow_reads_every_variable_of_a_copy(tf, checkpoints, tmp_path):
    copy(checkpoints["graph"], tmp_path / "copy")
    original = tf.train.load_checkpoint(str(checkpoints["graph"]))
    read = tf.train.load_checkpoint(str(tmp_path / "copy"))
    assert read.get_variable_to_shape_map() == original.get_variable_to_shape_map()
    for name in original.get_variable_to_shape_map():
        np.testing.assert_array_equal(read.get_tensor(name), original.get_tensor(name))


def test_tensorflow_restores_a_variant_from_a_copy(tf, checkpoints, tmp_path):
    copy(checkpoints["variant"], tmp_path / "copy")
    (handle,) = tf.raw_ops.RestoreV2(
        prefix=str(tmp_path / "copy"),
        tensor_names=["list"],
        shape_and_slices=[""],
        dtypes=[tf.variant],
    )
    last = tf.raw_ops.TensorListPopBack(
        input_handle=handle, element_shape=[2], element_dtype=tf.float32
    )
    assert list(last.tensor.numpy()) == [1.0, 2.0]


def test_some_variables_can_be_taken(tf, checkpoints, tmp_path):
    copy(checkpoints["graph"], tmp_path / "copy", ["dense/bias", "embedding"])
    read = tf.train.load_checkpoint(str(tmp_path / "copy"))
    assert set(read.get_variable_to_shape_map()) == {"dense/bias", "embedding"}
    assert read.get_tensor("embedding").shape == (300, 4)


@pytest.fixture(scope="session")
def twins(tf, tmp_path_factory):
    """A checkpoint with the same numbers under three names, once as another type."""
    prefix = tmp_path_factory.mktemp("twins") / "twins"
    numbers = tf.random.stateless_uniform((64, 8), (1, 2))
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=["a", "b", "bits", "other"],
        shape_and_slices=[""] * 4,
        tensors=[numbers, numbers, tf.bitcast(numbers, tf.int32), numbers + 1],
    )
    return prefix


def test_the_same_bytes_are_stored_once(tf, twins, tmp_path):
    saved = copy(twins, tmp_path / "copy")
    size = 64 * 8 * 4
    assert saved == 2 * size
    assert (tmp_path / "copy.data-00000-of-00001").stat().st_size == 2 * size
    entries = read_index(tmp_path / "copy.index")
    assert entries["a"].offset == entries["b"].offset == entries["bits"].offset
    read, original = (
        tf.train.load_checkpoint(str(prefix)) for prefix in (tmp_path / "copy", twins)
    )
    for name in ("a", "b", "bits", "other"):
        np.testing.assert_array_equal(read.get_tensor(name), original.get_tensor(name))


def test_a_saver_of_tensorflow_1_restores_what_shares_a_place(tf, twins, tmp_path):
    copy(twins, tmp_path / "copy")
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        variables = [v1.get_variable(name, (64, 8), use_resource=False) for name in ("a", "b")]
        v1.train.Saver(variables).restore(session, str(tmp_path / "copy"))
        one, other = session.run(variables)
    np.testing.assert_array_equal(one, other)
    assert one.any()


@pytest.mark.parametrize("value", [b"", b"short", b"long" * 50_000])
def test_tensorflow_reads_a_string(tf, tmp_path, value):
    with BundleWriter(tmp_path / "text") as writer:
        writer.add_string("_CHECKPOINTABLE_OBJECT_GRAPH", value)
        writer.finish()
    read = tf.train.load_checkpoint(str(tmp_path / "text"))
    assert read.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH") == value


def test_what_lost_its_checksum_is_not_copied(checkpoints, tmp_path):
    for path in checkpoints["graph"].parent.glob("graph.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    data = tmp_path / "graph.data-00000-of-00001"
    data.write_bytes(bytes(data.stat().st_size))
    with pytest.raises(LoadError, match="do not have the checksum"):
        copy(tmp_path / "graph", tmp_path / "copy")
    assert not (tmp_path / "copy.index").exists()


def test_what_was_stored_once_is_not_counted_as_saved(twins, tmp_path):
    copy(twins, tmp_path / "once")
    assert copy(tmp_path / "once", tmp_path / "again") == 0
    assert (tmp_path / "again.index").read_bytes() == (tmp_path / "once.index").read_bytes()
