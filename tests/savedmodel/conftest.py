"""Small models of TensorFlow 1 and 2, and checkpoints, made once."""

import pytest


@pytest.fixture(scope="session")
def tf():
    return pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")


@pytest.fixture(scope="session")
def checkpoints(tf, tmp_path_factory):
    """Prefixes of checkpoints: of numbers, of a variable in parts, of strings, of a variant."""
    folder = tmp_path_factory.mktemp("checkpoints")
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        thirds = v1.fixed_size_partitioner(3)
        v1.get_variable("embedding", (300, 4), partitioner=thirds, use_resource=False)
        halves = v1.fixed_size_partitioner(2, axis=1)
        v1.get_variable("wide", (2, 200), partitioner=halves)
        v1.get_variable("text", initializer=tf.constant(["a" * 300, "", "é"]))
        v1.get_variable("dense/kernel", (4, 3))
        v1.get_variable("dense/bias", (3,), tf.float64)
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(folder / "graph"))
    pushed = tf.raw_ops.TensorListPushBack(
        input_handle=tf.raw_ops.EmptyTensorList(
            element_shape=[2], max_num_elements=-1, element_dtype=tf.float32
        ),
        tensor=[1.0, 2.0],
    )
    tf.raw_ops.SaveV2(
        prefix=str(folder / "variant"),
        tensor_names=["list", "many/" + "x" * 300],
        shape_and_slices=["", ""],
        tensors=[pushed, tf.range(1000)],
    )
    return {"graph": folder / "graph", "variant": folder / "variant"}
