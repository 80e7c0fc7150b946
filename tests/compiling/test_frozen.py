"""What signatures are as graphs of constants."""

import pytest

from cpr.compiling.declined import Declined
from cpr.compiling.frozen import freeze
from cpr.errors import LoadError
from cpr.runtimes.signatures import Signature
from cpr.runtimes.tf_session import TfSession
from cpr.savedmodel.reader import read_saved_model, write_saved_model


@pytest.fixture
def old_model(tf, tmp_path):
    """A model as TensorFlow 1.0 wrote them: an empty shape was an unknown one."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        records = v1.placeholder(tf.string, None, "records")
        parsed = v1.raw_ops.ParseExample(
            serialized=records,
            names=tf.constant([], tf.string),
            sparse_keys=[],
            dense_keys=[tf.constant("x")],
            dense_defaults=[tf.constant([], tf.float32)],
            sparse_types=[],
            dense_shapes=[[1]],
        )
        x = tf.identity(parsed.dense_values[0], "x")
        y = tf.tanh(x, "y")
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder = v1.saved_model.Builder(str(tmp_path / "model"))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    model = read_saved_model(tmp_path / "model")
    graph = model.meta_graphs[0].graph_def
    graph.versions.producer = 21
    for node in graph.node:
        node.attr.pop("_output_shapes", None)
        if node.name == "records":
            node.attr["shape"].shape.Clear()
    write_saved_model(model, tmp_path / "model")
    return tmp_path / "model"


def test_a_shape_that_an_old_exporter_left_empty_is_unknown(tf, old_model):
    def no_functions():
        raise LoadError("TensorFlow 2 is not asked here.")

    session = TfSession(tf, old_model, ())
    frozen = freeze(tf, session, session.signatures["serving_default"], no_functions)
    session.close()
    assert set(frozen.inputs) == {"x"}
    assert set(frozen.outputs) == {"y"}


@pytest.mark.parametrize("mode", ["training", "eval"])
def test_a_signature_that_trains_is_declined_for_that(tf, mode):
    signature = Signature(mode, f"tensorflow/supervised/{mode}", {}, {})
    with pytest.raises(Declined, match="it trains or evaluates the model; only what predicts"):
        freeze(tf, None, signature, None)


def test_what_is_done_with_a_table_is_told_as_that(tf, tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        words = v1.placeholder(tf.string, [None], "words")
        pairs = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.range(2, dtype=tf.int64))
        numbers = tf.lookup.StaticVocabularyTable(pairs, num_oov_buckets=2).lookup(words)
        signature = v1.saved_model.predict_signature_def({"words": words}, {"y": numbers})
        builder = v1.saved_model.Builder(str(tmp_path / "model"))
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": signature}, main_op=v1.tables_initializer()
        )
        builder.save()
    session = TfSession(tf, tmp_path / "model", ())
    with pytest.raises(Declined, match="its vocabulary for more than looking up: LookupTableSize"):
        freeze(tf, session, session.signatures["serving_default"], None)
    session.close()
