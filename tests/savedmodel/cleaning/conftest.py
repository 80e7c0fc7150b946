"""Training directories, and ways to ask a SavedModel as each loader does."""

import shutil

import numpy as np
import pytest

from cpr.predictors.tf_saved_model import TfSavedModel


@pytest.fixture(scope="session")
def training_dir(tf, tmp_path_factory):
    """What an Estimator leaves behind: checkpoints, events, evaluations, graph, two exports.

    The graph that is exported has a vocabulary, Adam's state for its variables, one
    variable in parts, and a table that no signature reads.
    """
    folder = tmp_path_factory.mktemp("training")
    v1 = tf.compat.v1
    vocabulary = folder.parent / "colours.txt"
    vocabulary.write_text("red\ngreen\nblue\n", encoding="utf-8")
    with tf.Graph().as_default() as graph, v1.Session() as session:
        step = v1.train.get_or_create_global_step()
        path = v1.constant(str(vocabulary))
        lines = tf.lookup.TextFileInitializer(
            path, tf.string, 0, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        table = tf.lookup.StaticVocabularyTable(lines, 1, lookup_key_dtype=tf.string)
        pairs = tf.lookup.KeyValueTensorInitializer(["a"], tf.constant([1], tf.int64))
        unread = tf.lookup.StaticHashTable(pairs, 0)
        with v1.variable_scope("net", use_resource=True):
            embedding = v1.get_variable(
                "embedding", (4, 8), partitioner=v1.fixed_size_partitioner(2)
            )
            kernel = v1.get_variable("kernel", (9, 1))
        colour = v1.placeholder(tf.string, [None], "colour")
        size = v1.placeholder(tf.float32, [None], "size")
        looked_up = v1.nn.embedding_lookup(
            list(embedding), table.lookup(colour), partition_strategy="div"
        )
        features = tf.concat([looked_up, size[:, None]], axis=1)
        dropped = tf.nn.dropout(features, rate=0.5)
        loss = tf.reduce_mean((dropped @ kernel)[:, 0] ** 2) + 0 * tf.cast(
            unread.lookup(tf.constant("a")), tf.float32
        )
        train = v1.train.AdamOptimizer().minimize(loss, global_step=step)
        scores = tf.identity((features @ kernel)[:, 0], "scores")
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        session.run(train, {colour: ["red", "blue"], size: [1.0, 2.0]})
        v1.train.Saver().save(session, str(folder / "model.ckpt"), global_step=step)
        for events in (folder, folder / "eval"):
            v1.summary.FileWriter(str(events), graph).close()
        v1.train.write_graph(graph, str(folder), "graph.pbtxt")
        builder = v1.saved_model.Builder(str(folder / "export" / "1700000000"))
        make = v1.saved_model.predict_signature_def
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {
                "predict": make({"colour": colour, "size": size}, {"scores": scores}),
                "colours": make({"colour": colour}, {"number": table.lookup(colour)}),
            },
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=v1.tables_initializer(),
        )
        builder.save()
    shutil.copytree(folder / "export" / "1700000000", folder / "export" / "1700000100")
    return folder


@pytest.fixture
def trained(training_dir, tmp_path):
    """A training directory of the test's own."""
    shutil.copytree(training_dir, tmp_path / "trained")
    return tmp_path / "trained"


@pytest.fixture(scope="session")
def asked(tf):
    """What a SavedModel answers, by signature and output, from each of three loaders."""
    return {
        "tf.saved_model.load": lambda path, feeds: _load(tf, path, feeds),
        "a loader of TensorFlow 1": lambda path, feeds: _load_v1(tf, path, feeds),
        "the predictor": _predict,
    }


def _load(tf, path, feeds):
    model = tf.saved_model.load(str(path), tags=["serve"])
    return {
        name: {
            alias: value.numpy()
            for alias, value in model.signatures[name](
                **{alias: tf.constant(value) for alias, value in inputs.items()}
            ).items()
        }
        for name, inputs in feeds.items()
    }


def _load_v1(tf, path, feeds):
    v1 = tf.compat.v1
    answers = {}
    with tf.Graph().as_default(), v1.Session() as session:
        graph = v1.saved_model.load(session, ["serve"], str(path))
        for name, inputs in feeds.items():
            signature = graph.signature_def[name]
            answers[name] = session.run(
                {alias: info.name for alias, info in signature.outputs.items()},
                {signature.inputs[alias].name: value for alias, value in inputs.items()},
            )
    return answers


def _predict(path, feeds):
    predictor = TfSavedModel.from_path(path)
    answers = {}
    for name, inputs in feeds.items():
        rows = [dict(zip(inputs, row, strict=True)) for row in zip(*inputs.values(), strict=True)]
        instances = rows if len(inputs) > 1 else [next(iter(row.values())) for row in rows]
        predictions = predictor.predict(instances, signature_name=name)
        answers[name] = {"predictions": np.array(predictions)}
    predictor.close()
    return answers
