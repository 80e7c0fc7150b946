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


@pytest.fixture(scope="session")
def keras_cnn(tf, tmp_path_factory):
    """A convolutional network with batch normalisation and dropout, as Keras exports it."""
    keras = tf.keras
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3), name="image"),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(4, activation="softmax"),
        ]
    )
    folder = tmp_path_factory.mktemp("cnn") / "1"
    model.export(folder, verbose=False)
    return folder


@pytest.fixture(scope="session")
def keras_trained(tf, tmp_path_factory):
    """A compiled and trained model, saved with its optimizer, as ``tf.saved_model.save`` does."""
    keras = tf.keras
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(tf.ones((8, 4)), tf.ones((8, 1)), verbose=0)
    folder = tmp_path_factory.mktemp("trained") / "1"
    tf.saved_model.save(model, str(folder))
    return folder


@pytest.fixture(scope="session")
def transformer(tf, tmp_path_factory):
    """A transformer block over token ids: attention, two normalisations, a wide layer."""
    keras = tf.keras
    keras.utils.set_random_seed(3)
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = keras.layers.Embedding(50, 16)(tokens)
    attended = keras.layers.MultiHeadAttention(2, 8)(x, x)
    x = keras.layers.LayerNormalization()(x + attended)
    wide = keras.layers.Dense(16)(keras.layers.Dense(32, activation="gelu")(x))
    x = keras.layers.LayerNormalization()(x + wide)
    scores = keras.layers.Dense(3, name="scores")(keras.layers.GlobalAveragePooling1D()(x))
    folder = tmp_path_factory.mktemp("transformer") / "1"
    keras.Model(tokens, scores).export(folder, verbose=False)
    return folder


def word_table(tf, path):
    """A table from a word to the number of its line, with one number for all others."""
    lines = tf.lookup.TextFileInitializer(
        path,
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    return tf.lookup.StaticVocabularyTable(lines, num_oov_buckets=1)


@pytest.fixture(scope="session")
def text_vocabulary(tf, tmp_path_factory):
    """A module that looks words up in an asset, with two signatures."""
    folder = tmp_path_factory.mktemp("text")
    vocabulary = folder / "words.txt"
    vocabulary.write_text("good\nbad\nfine\n", encoding="utf-8")

    class Text(tf.Module):
        def __init__(self):
            super().__init__()
            self.vocabulary = tf.saved_model.Asset(str(vocabulary))
            self.table = word_table(tf, self.vocabulary)
            self.weights = tf.Variable([1.0, -1.0, 0.5, 0.0], name="weights")

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
        def score(self, words):
            return {"score": tf.gather(self.weights, self.table.lookup(words))}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
        def number(self, words):
            return {"id": self.table.lookup(words)}

    model = Text()
    signatures = {"serving_default": model.score, "number": model.number}
    tf.saved_model.save(model, str(folder / "1"), signatures)
    return folder / "1"


@pytest.fixture(scope="session")
def tf1_two_graphs(tf, tmp_path_factory):
    """A TF1 SavedModel with a vocabulary, and two MetaGraphs: ``serve``, and ``serve,gpu``.

    The first has predict, classify and regress signatures, two of them of
    serialized ``tf.Example``; the second only predicts.
    """
    folder = tmp_path_factory.mktemp("tf1")
    vocabulary = folder / "colours.txt"
    vocabulary.write_text("red\ngreen\nblue\n", encoding="utf-8")
    v1 = tf.compat.v1
    builder = v1.saved_model.Builder(str(folder / "1"))

    def build(tags, add):
        path = v1.constant(str(vocabulary), name="vocabulary")
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, path)
        table = word_table(tf, path)
        weights = v1.get_variable("weights", initializer=[[0.5, 0.25]] * 4, use_resource=False)
        colour = v1.placeholder(tf.string, [None], "colour")
        scores = tf.gather(weights, table.lookup(colour), name="scores")
        serialized = v1.placeholder(tf.string, [None], "examples")
        features = {
            "colour": tf.io.FixedLenFeature([], tf.string),
            "size": tf.io.FixedLenFeature([2], tf.float32, default_value=[0.0, 0.0]),
            "tags": tf.io.VarLenFeature(tf.int64),
        }
        parsed = v1.io.parse_example(serialized, features)
        parsed_scores = tf.gather(weights, table.lookup(parsed["colour"])) + parsed["size"]
        make = v1.saved_model
        signatures = {
            "serving_default": make.predict_signature_def({"colour": colour}, {"scores": scores})
        }
        if "gpu" not in tags:
            classify, regress = make.classification_signature_def, make.regression_signature_def
            signatures["classify"] = classify(serialized, None, parsed_scores)
            signatures["regress"] = regress(serialized, parsed_scores[:, :1])
        assets = v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS)
        add(tags, signatures, assets, main_op=v1.tables_initializer(), strip_default_attrs=True)

    with tf.Graph().as_default(), v1.Session() as session:

        def add_first(*arguments, **options):
            session.run(v1.global_variables_initializer())
            builder.add_meta_graph_and_variables(session, *arguments, **options)

        build(["serve"], add_first)
    with tf.Graph().as_default():
        build(["serve", "gpu"], builder.add_meta_graph)
    builder.save()
    return folder / "1"


@pytest.fixture(scope="session")
def tf1_text(tf, tmp_path_factory):
    """A TF1 SavedModel in the text form."""
    folder = tmp_path_factory.mktemp("tf1_text") / "1"
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 1], "x")
        y = tf.multiply(x, v1.get_variable("w", initializer=2.0), "y")
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save(as_text=True)
    return folder


@pytest.fixture(
    scope="session",
    params=[
        "keras_cnn",
        "keras_trained",
        "transformer",
        "text_vocabulary",
        "tf1_two_graphs",
        "tf1_text",
    ],
)
def any_saved_model(request):
    """Every one of the models above, in turn."""
    return request.getfixturevalue(request.param)
