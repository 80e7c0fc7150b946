"""Small models of every kind that TensorFlow writes, each built once a session."""

import pytest

from cpr.savedmodel.tensorflow_library import import_tensorflow


@pytest.fixture(scope="session")
def tf():
    pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")
    return import_tensorflow()


@pytest.fixture(scope="session")
def example(tf):
    """Makes a serialized tf.Example of floats."""

    def make(**floats):
        features = {
            name: tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
            for name, value in floats.items()
        }
        return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()

    return make


@pytest.fixture(scope="session")
def half_plus_two(tf, tmp_path_factory):
    """A TF1 graph with reference variables, as TensorFlow Serving's own test model."""
    folder = tmp_path_factory.mktemp("tf1") / "half_plus_two"
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        a = v1.get_variable("a", initializer=0.5, use_resource=False)
        b = v1.get_variable("b", initializer=2.0, use_resource=False)
        x = v1.placeholder(tf.float32, [None, 1], "x")
        y = tf.add(tf.multiply(a, x), b, "y")
        serialized = v1.placeholder(tf.string, None, "tf_example")
        features = {"x": tf.io.FixedLenFeature([1], tf.float32)}
        parsed = v1.io.parse_example(serialized, features)["x"]
        regressed = tf.add(tf.multiply(a, parsed), b, "regressed")
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        utils = v1.saved_model
        signatures = {
            "serving_default": utils.predict_signature_def({"x": x}, {"y": y}),
            "regress_x_to_y": utils.regression_signature_def(serialized, regressed),
        }
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()
    return folder


@pytest.fixture(scope="session")
def counter(tf, tmp_path_factory):
    """A TF1 graph that counts; its outputs are references, its signatures scalar."""
    folder = tmp_path_factory.mktemp("tf1") / "counter"
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        count = v1.get_variable("count", initializer=0.0, use_resource=False)
        delta = v1.placeholder(tf.float32, None, "delta")
        tensor_info = v1.saved_model.build_tensor_info

        def signature(inputs, outputs):
            inputs = {name: tensor_info(tensor) for name, tensor in inputs.items()}
            outputs = {name: tensor_info(tensor) for name, tensor in outputs.items()}
            return v1.saved_model.build_signature_def(inputs, outputs, "tensorflow/serving/predict")

        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        signatures = {
            "get": signature({}, {"output": count}),
            "incr": signature({}, {"output": v1.assign_add(count, 1.0)}),
            "incr_by": signature({"delta": delta}, {"output": v1.assign_add(count, delta)}),
            "reset": signature({}, {"output": v1.assign(count, 0.0)}),
        }
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()
    return folder


@pytest.fixture(scope="session")
def old_scalar(tf, tmp_path_factory):
    """Signatures as TF 1.0 wrote them: scalar shapes, and a wrong type."""
    folder = tmp_path_factory.mktemp("tf1") / "old_scalar"
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, None, "x")
        text = v1.placeholder(tf.string, None, "text")
        proto = v1.MetaGraphDef().signature_def
        for name, tensor, output in (
            ("serving_default", x, tf.add(x, 3.0, "y")),
            ("shout", text, v1.strings.upper(text, name="loud")),
        ):
            proto[name].inputs["x"].name = tensor.name
            proto[name].inputs["x"].dtype = tf.float32.as_datatype_enum
            proto[name].inputs["x"].tensor_shape.SetInParent()
            proto[name].outputs["y"].name = output.name
            proto[name].outputs["y"].dtype = tf.float32.as_datatype_enum
            proto[name].outputs["y"].tensor_shape.SetInParent()
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], dict(proto))
        builder.save(as_text=True)
    return folder


@pytest.fixture(scope="session")
def two_graphs(tf, tmp_path_factory):
    """MetaGraphs {serve}, which adds one, and {serve, gpu}, which adds two."""
    folder = tmp_path_factory.mktemp("tf1") / "two_graphs"
    v1 = tf.compat.v1
    builder = v1.saved_model.Builder(str(folder))
    for tags, amount in ((["serve"], 1.0), (["serve", "gpu"], 2.0)):
        with tf.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, [None], "x")
            by = v1.get_variable("by", initializer=amount, use_resource=True)
            y = x + (by if amount == 1.0 else tf.constant(amount))
            session.run(v1.global_variables_initializer())
            signatures = {"add": v1.saved_model.predict_signature_def({"x": x}, {"y": y})}
            if amount == 1.0:
                builder.add_meta_graph_and_variables(session, tags, signatures)
            else:
                builder.add_meta_graph(tags, signatures)
    builder.save()
    return folder


@pytest.fixture(scope="session")
def tf2_model(tf, tmp_path_factory):
    """A TF2 module: a lookup table from an asset, several inputs and outputs, failures."""
    folder = tmp_path_factory.mktemp("tf2")
    words = folder / "words.txt"
    words.write_text("cat\ndog\n", encoding="utf-8")
    spec = tf.TensorSpec

    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            initializer = tf.lookup.TextFileInitializer(
                str(words),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            self.table = tf.lookup.StaticHashTable(initializer, -1)
            self.weights = tf.Variable([[1.0], [10.0], [100.0]])

        @tf.function(input_signature=[spec([None], tf.string, name="word")])
        def index(self, word):
            return {"index": self.table.lookup(word)}

        @tf.function(
            input_signature=[
                spec([None, 3], tf.float32, name="sizes"),
                spec([None], tf.int32, name="age"),
            ]
        )
        def score(self, sizes, age):
            score = tf.squeeze(sizes @ self.weights, 1)
            return {"score": score, "older": age + 1}

        @tf.function(input_signature=[spec([None], tf.string, name="text")])
        def raw(self, text):
            return {"upper": tf.strings.upper(text), "image_bytes": text + b"\xff"}

        @tf.function(input_signature=[spec([None, 3], tf.float32, name="x")])
        def mean(self, x):
            return {"mean": tf.reduce_mean(x, keepdims=True)[0]}

        @tf.function(input_signature=[spec([], tf.string, name="path")])
        def read(self, path):
            return {"content": tf.io.read_file(path)}

        @tf.function(input_signature=[spec([None], tf.bool, name="flag")])
        def invert(self, flag):
            return {"flag": ~flag}

    model = Model()
    signatures = {
        "serving_default": model.score,
        "index": model.index,
        "raw": model.raw,
        "mean": model.mean,
        "read": model.read,
        "invert": model.invert,
    }
    tf.saved_model.save(model, str(folder / "model"), signatures=signatures)
    words.unlink()
    return folder / "model"


@pytest.fixture(scope="session")
def keras_model(tf):
    """Two dense layers and a normalization, with weights that are not the initial ones."""
    keras = pytest.importorskip("keras", reason="needs the extra cpr[tensorflow]")
    keras.utils.set_random_seed(7)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4,), name="sizes"),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.layers[1].set_weights([weight + 0.25 for weight in model.layers[1].get_weights()])
    return model
