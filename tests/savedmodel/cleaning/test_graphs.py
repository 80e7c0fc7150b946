"""Graphs that are hard to cut: loops, shards, tables, lists, functions of the root."""

import numpy as np
import pytest

from cpr.savedmodel import protos
from cpr.savedmodel.bundle import read_index
from cpr.savedmodel.cleaning import clean
from cpr.savedmodel.crc32c import masked_crc32c
from cpr.savedmodel.reader import read_saved_model

ROWS = [[1.0, 2.0, 3.0], [-4.0, -5.0, -6.0]]


def export_v1(tf, folder, build, *, devices=1, **options):
    """Export what `build` makes of TensorFlow 1's module: signatures and a main operation."""
    v1 = tf.compat.v1
    config = v1.ConfigProto(device_count={"CPU": devices})
    with tf.Graph().as_default(), v1.Session(config=config) as session:
        signatures, main_op = build(v1)
        session.run([v1.global_variables_initializer(), v1.local_variables_initializer()])
        if options.pop("sharded", False):
            options["saver"] = v1.train.Saver(sharded=True)
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session, ["serve"], signatures, main_op=main_op, **options
        )
        builder.save()
    return folder


def loops(v1):
    """Loops and branches as TensorFlow 1 wrote them, one of them for the training alone."""
    predict = v1.saved_model.predict_signature_def
    v1.disable_control_flow_v2()
    x = v1.placeholder("float32", [None, 3], "x")
    used = v1.get_variable("used", (3, 3), use_resource=False)
    unused = v1.get_variable("unused", (3, 3), use_resource=False)

    def step(i, value):
        positive = v1.reduce_sum(value) > 0
        return i + 1, v1.cond(positive, lambda: v1.matmul(value, used), lambda: value + 1)

    _, y = v1.while_loop(lambda i, _: i < 3, step, [0, x])
    _, z = v1.while_loop(lambda i, _: i < 3, lambda i, a: (i + 1, v1.matmul(a, unused)), [0, x])
    v1.train.GradientDescentOptimizer(0.1).minimize(v1.reduce_mean((z + y) ** 2))
    v1.enable_control_flow_v2()
    return {"serving_default": predict({"x": x}, {"y": y})}, None


def shards(v1):
    """Variables on two devices, saved in two shards."""
    predict = v1.saved_model.predict_signature_def
    x = v1.placeholder("float32", [None, 3], "x")
    with v1.device("/cpu:0"):
        used = v1.get_variable("used", (3, 3))
    with v1.device("/cpu:1"):
        v1.get_variable("unused", (9,))
    return {"serving_default": predict({"x": x}, {"y": v1.matmul(x, used)})}, None


def local_state(v1):
    """What the main operation sets: a local variable, one table that is read, one that is not."""
    predict = v1.saved_model.predict_signature_def
    x = v1.placeholder("float32", [None, 3], "x")
    used = v1.get_variable(
        "used", initializer=3.0, collections=[v1.GraphKeys.LOCAL_VARIABLES], use_resource=True
    )
    initializer = v1.lookup.KeyValueTensorInitializer([1, 2], [10.0, 20.0], "int64", "float32")
    table = v1.lookup.StaticHashTable(initializer, -1.0)
    v1.lookup.StaticHashTable(initializer, -2.0, name="unused")
    y = x * used + table.lookup(v1.cast(x, "int64"))
    main_op = v1.group(v1.tables_initializer(), v1.local_variables_initializer())
    return {"serving_default": predict({"x": x}, {"y": y})}, main_op


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (loops, {}),
        (shards, {"devices": 2, "sharded": True, "clear_devices": True}),
        (local_state, {}),
    ],
    ids=["loops", "shards", "local state"],
)
def test_a_graph_of_tensorflow_1_answers_as_before(tf, asked, tmp_path, build, options):
    source = export_v1(tf, tmp_path / "model", build, **options)
    report = clean(source, tmp_path / "copy")
    (graph,) = read_saved_model(report.path).meta_graphs
    assert not [node.name for node in graph.graph_def.node if node.name.startswith("unused")]
    assert report.notes == ()
    feeds = {"serving_default": {"x": ROWS}}
    for loader, ask in asked.items():
        after, before = (ask(path, feeds)["serving_default"] for path in (report.path, source))
        for alias, value in before.items():
            np.testing.assert_array_equal(after[alias], value, err_msg=loader)


def test_a_variable_of_a_second_shard_stays_behind(tf, tmp_path):
    source = export_v1(tf, tmp_path / "model", shards, devices=2, sharded=True)
    assert len(list((source / "variables").glob("*.data-*-of-00002"))) == 2
    report = clean(source, tmp_path / "copy")
    assert set(read_index(report.path / "variables" / "variables.index")) == {"used"}


@pytest.fixture(scope="module")
def module(tf, tmp_path_factory):
    """Objects of TensorFlow 2: lists, a dictionary, tables that are saved, a generator."""

    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            self.layers = [tf.Variable(tf.random.normal((3, 3))) for _ in range(5)]
            self.named = {"scale": tf.Variable([1.0, 2.0, 3.0]), "spare": tf.Variable([0.0] * 99)}
            self.inner = tf.Module()
            self.inner.bias = tf.Variable(5.0)
            self.seen = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
            self.seen.insert(["a"], [7])
            self.unseen = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
            self.unseen.insert(["b"], [8])

        @tf.function(input_signature=[tf.TensorSpec((None, 3), name="x")])
        def scores(self, x):
            @tf.custom_gradient
            def odd(value):
                return value * value, lambda up: up * 3 * value

            mixed = odd(x @ self.layers[3] @ self.layers[1])
            return {"y": mixed * self.named["scale"] + self.inner.bias}

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="word")])
        def count(self, word):
            return {"n": self.seen.lookup(word)}

        @tf.function(input_signature=[tf.TensorSpec((None, 3), name="x")])
        def train(self, x):
            return x + self.named["spare"][0]

    folder = tmp_path_factory.mktemp("module") / "1"
    model = Model()
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(model, str(folder), {"scores": model.scores, "count": model.count}, options)
    return folder


@pytest.mark.parametrize(
    ("signature", "feed", "names"),
    [
        ("scores", {"x": ROWS}, {"layers/1", "layers/3", "named/scale", "inner/bias"}),
        ("count", {"word": ["a", "b"]}, {"seen"}),
    ],
)
def test_objects_go_with_the_signatures_that_read_them(
    module, asked, tmp_path, signature, feed, names
):
    report = clean(module, tmp_path / "copy", signatures=[signature])
    kept = read_index(report.path / "variables" / "variables.index")
    assert {name.partition("/.")[0] for name in kept if "/" in name} == names
    for loader, ask in asked.items():
        after, before = (ask(p, {signature: feed})[signature] for p in (report.path, module))
        for alias, value in before.items():
            np.testing.assert_array_equal(after[alias], value, err_msg=loader)


def test_functions_of_the_root_stay_where_they_need_nothing_else(tf, module, tmp_path):
    report = clean(module, tmp_path / "copy", signatures=["scores"])
    loaded = tf.saved_model.load(str(report.path))
    assert not hasattr(loaded, "train")
    assert not hasattr(loaded, "count")
    original = tf.saved_model.load(str(module))
    np.testing.assert_array_equal(loaded.scores(tf.constant(ROWS))["y"], original.scores(ROWS)["y"])
    # What is left of a list counts on without gaps.
    assert [tuple(item.shape) for item in loaded.layers] == [(3, 3)] * 2


def test_gradients_through_a_copy_are_those_of_the_original(tf, module, tmp_path):
    report = clean(module, tmp_path / "copy")
    slopes = []
    for path in (module, report.path):
        x = tf.constant(ROWS)
        with tf.GradientTape() as tape:
            tape.watch(x)
            model = tf.saved_model.load(str(path))
            y = model.signatures["scores"](x=x)["y"]
        slopes.append(tape.gradient(y, x).numpy())
    np.testing.assert_array_equal(*slopes)


def test_a_copy_can_be_saved_again(tf, module, tmp_path):
    report = clean(module, tmp_path / "copy")
    loaded = tf.saved_model.load(str(report.path))
    # TensorFlow cannot save a custom gradient that it has loaded.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(loaded, str(tmp_path / "again"), loaded.signatures, options)
    again = tf.saved_model.load(str(tmp_path / "again"))
    assert again.signatures["count"](word=tf.constant(["a"]))["n"].numpy() == [7]


def framed(record):
    """A record as TFRecord has it."""
    head = len(record).to_bytes(8, "little")
    sums = [masked_crc32c(part).to_bytes(4, "little") for part in (head, record)]
    return head + sums[0] + record + sums[1]


def warmup(*signatures):
    records = b""
    for name in signatures:
        log = protos.PredictionLog()
        log.predict_log.request.model_spec.signature_name = name
        records += framed(log.SerializeToString())
    return records


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (warmup("count", "scores", "count"), warmup("scores")),
        (warmup("scores"), warmup("scores")),
        (warmup("count"), None),
        (b"something else", b"something else"),
        (warmup("count")[:-1], warmup("count")[:-1]),
    ],
    ids=["some", "none of them", "all", "no records", "cut off"],
)
def test_warmup_requests_to_what_is_gone_go(module, tmp_path, content, left):
    source = tmp_path / "model"
    source.mkdir()
    for name in ("saved_model.pb", "variables"):
        (source / name).symlink_to(module / name)
    (source / "assets.extra").mkdir()
    (source / "assets.extra" / "tf_serving_warmup_requests").write_bytes(content)
    report = clean(source, tmp_path / "copy", signatures=["scores"])
    file = report.path / "assets.extra" / "tf_serving_warmup_requests"
    assert (file.read_bytes() if file.exists() else None) == left


def test_tensorflow_reads_the_warmup_requests_that_are_left(tf, module, tmp_path):
    source = tmp_path / "model"
    source.mkdir()
    for name in ("saved_model.pb", "variables"):
        (source / name).symlink_to(module / name)
    (source / "assets.extra").mkdir()
    path = source / "assets.extra" / "tf_serving_warmup_requests"
    path.write_bytes(warmup("count", "scores"))
    clean(source, tmp_path / "copy", signatures=["scores"])
    (record,) = tf.data.TFRecordDataset(str(tmp_path / "copy" / path.relative_to(source)))
    log = protos.PredictionLog.FromString(record.numpy())
    assert log.predict_log.request.model_spec.signature_name == "scores"
