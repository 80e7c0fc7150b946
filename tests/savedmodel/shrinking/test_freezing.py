"""Whole models are frozen: one graph of constants, which both loaders answer by."""

import numpy as np
import pytest

from cpr.savedmodel.reader import read_saved_model
from cpr.savedmodel.shrinking import shrink
from cpr.savedmodel.shrinking.constants import share_constants

WORDS = ["word0", "word7", "word119", "unheard of", ""]


def ops(folder):
    return {node.op for one in read_saved_model(folder).meta_graphs for node in one.graph_def.node}


def of_step(result, name):
    return next(step for step in result.steps if step.name == name)


@pytest.fixture(scope="module", params=["modern", "old"])
def frozen(request, tmp_path_factory):
    """A model, and what became of it."""
    model = request.getfixturevalue(request.param)
    target = tmp_path_factory.mktemp("frozen") / "1"
    return model, shrink(model, target, weights="float32", freeze=True)


def test_variables_are_constants_and_the_answers_are_the_same(frozen):
    _, result = frozen
    assert result.outcome == "smaller"
    assert of_step(result, "freeze").is_taken
    assert result.loaders == ("tf2", "v1")
    assert result.deviation.largest < 1e-6
    assert not {"VariableV2", "ResourceGather", "RestoreV2"} & ops(result.output)
    assert not (result.output / "variables").exists()


def test_tables_and_their_files_stay(tf, frozen):
    model, result = frozen
    assert (result.output / "assets" / "words.txt").is_file()
    before, after = (
        tf.saved_model.load(str(folder)).signatures["serving_default"]
        for folder in (model, result.output)
    )
    (was,), (now,) = (one(words=tf.constant(WORDS)).values() for one in (before, after))
    np.testing.assert_allclose(now, was, atol=1e-6)


@pytest.mark.parametrize("weights", ["float16", "bfloat16", "int8"])
def test_constants_are_packed_and_unpacked_once(tf, modern, tmp_path, weights):
    result = shrink(modern, tmp_path / "small", weights=weights, freeze=True)
    assert result.outcome == "smaller"
    step = of_step(result, "weights")
    assert step.details[0].startswith(f"float weights stored as {weights}: ")
    assert 0 < step.deviation.largest < 0.05
    assert result.loaders == ("tf2", "v1")
    one, other = (tf.saved_model.load(str(result.output)) for _ in range(2))
    assert {variable.dtype for variable in one.variables} == {tf.float32}
    # Models of one origin have weights of their own.
    other.variables[0].assign(tf.zeros_like(other.variables[0]))
    assert np.abs(one.variables[0].numpy()).max() > 0


def test_a_variable_that_the_model_changes_stays_one(tf, tmp_path):
    class Counting(tf.Module):
        def __init__(self):
            super().__init__()
            self.weight = tf.Variable(np.ones((64, 64), "f4"))
            self.count = tf.Variable(41.0)

        @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, "x")])
        def __call__(self, x):
            return {"y": tf.matmul(x, self.weight), "count": self.count.assign_add(1.0)}

    model = Counting()
    tf.saved_model.save(model, str(tmp_path / "1"), signatures=model.__call__)
    result = shrink(tmp_path / "1", tmp_path / "small", weights="int8", freeze=True)
    step = of_step(result, "freeze")
    assert step.details[0] == "variables frozen into constants: 1"
    assert step.details[-1].endswith("AssignAddVariableOp uses it")
    assert result.outcome == "smaller"
    loaded = tf.saved_model.load(str(tmp_path / "small")).signatures["serving_default"]
    assert [float(loaded(x=tf.ones((1, 64)))["count"]) for _ in range(2)] == [42, 43]


def test_the_largest_constants_are_held_once_for_all_signatures(tf, tmp_path):
    class Twice(tf.Module):
        def __init__(self):
            super().__init__()
            self.weight = tf.Variable(
                np.random.default_rng(0).normal(size=(64, 64)), dtype=tf.float32
            )

        @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, "x")])
        def product(self, x):
            return {"y": tf.matmul(x, self.weight * 2.0)}

        @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, "x")])
        def sigmoid(self, x):
            return {"y": tf.sigmoid(tf.matmul(x, self.weight * 2.0))}

    model = Twice()
    signatures = {"serving_default": model.product, "sigmoid": model.sigmoid}
    tf.saved_model.save(model, str(tmp_path / "1"), signatures=signatures)
    result = shrink(tmp_path / "1", tmp_path / "small", weights="float32", freeze=True)
    assert (result.outcome, of_step(result, "freeze").is_taken) == ("smaller", True)
    (graph,) = read_saved_model(tmp_path / "small").meta_graphs
    large = [node for node in graph.graph_def.node if node.ByteSize() > 64 * 64 * 4]
    assert [node.op for node in large] == ["Const"]
    assert "Mul" not in ops(tmp_path / "small")  # it was computed
    assert share_constants(graph) == 0


def test_graphs_that_share_variables_keep_them(tf, tmp_path):
    v1 = tf.compat.v1
    builder = v1.saved_model.Builder(str(tmp_path / "1"))
    for tags in (["serve"], ["serve", "gpu"]):
        with tf.Graph().as_default(), v1.Session() as session:
            v1.set_random_seed(1)
            x = v1.placeholder(tf.float32, [None, 64], "x")
            y = tf.matmul(x, v1.get_variable("weight", (64, 64), use_resource=True))
            signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
            if tags == ["serve"]:
                session.run(v1.global_variables_initializer())
                builder.add_meta_graph_and_variables(session, tags, {"serving_default": signature})
            else:
                builder.add_meta_graph(tags, {"serving_default": signature})
    builder.save()
    result = shrink(tmp_path / "1", tmp_path / "small", weights="int8", freeze=True)
    step = of_step(result, "freeze")
    assert step.details[0] == "variables frozen into constants: 2"
    assert step.details[-1] == "not taken: it makes the model no smaller"
    assert of_step(result, "weights").saved > 64 * 64 * 2
    assert (result.outcome, len(result.asked)) == ("smaller", 2)


def test_checks_of_numbers_go(tf, tmp_path):
    class Checked(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "x")])
        def __call__(self, x):
            return {"y": tf.debugging.check_numerics(x * 2.0, "no number")}

    model = Checked()
    tf.saved_model.save(model, str(tmp_path / "1"), signatures=model.__call__)
    result = shrink(tmp_path / "1", tmp_path / "small", freeze=True)
    assert "nodes that check or print numbers removed: 1" in of_step(result, "freeze").details
    assert not {"CheckNumerics", "CheckNumericsV2"} & ops(tmp_path / "small")


def test_constants_in_functions_are_named_where_they_are_not_frozen(tf, tmp_path):
    weight = tf.constant(np.random.default_rng(0).normal(size=(64, 64)), dtype=tf.float32)

    class Held(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, "x")])
        def __call__(self, x):
            return {"y": tf.matmul(x, weight.numpy())}

    model = Held()
    tf.saved_model.save(model, str(tmp_path / "1"), signatures=model.__call__)
    plain = shrink(tmp_path / "1", tmp_path / "plain", weights="int8")
    (*_, told) = of_step(plain, "weights").details
    assert told.startswith("16,384 bytes left as they are: functions hold it as constants")
    result = shrink(tmp_path / "1", tmp_path / "small", weights="int8", freeze=True)
    assert of_step(result, "weights").saved > 10_000


def test_every_model_is_frozen_or_says_why_not(any_saved_model, tmp_path):
    result = shrink(any_saved_model, tmp_path / "small", weights="float16", freeze=True)
    assert result.outcome == "smaller", result.reason
    told = of_step(result, "freeze").details[0]
    assert told.startswith("variables frozen into constants: ")


@pytest.fixture(scope="module")
def unusual(tf, tmp_path_factory):
    """Weights of all kinds and scales, and none; loops and branches."""
    generator = np.random.default_rng(0)
    normal = generator.normal(size=(64, 64)).astype("f4")
    holed = np.where(normal > 2, np.nan, normal)

    class Unusual(tf.Module):
        def __init__(self):
            super().__init__()
            self.holed, self.small = tf.Variable(holed), tf.Variable(normal / 64)
            self.tiny = tf.Variable(normal * np.float32(1e-42))
            self.narrow = tf.Variable(tf.cast(normal / 64, tf.bfloat16))
            self.empty, self.scalar = tf.Variable(np.zeros((0, 8), "f4")), tf.Variable(3.0)
            self.double = tf.Variable(normal.astype("f8") / 64)
            self.ids = tf.Variable(np.r_[np.arange(2000), 2**31 - 1, -(2**31)])
            self.wide = tf.Variable(np.r_[np.arange(2000), 2**31])
            self.words, self.same = tf.Variable(["a", "b"]), self.small

        @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, "x")])
        def products(self, x):
            return {
                "holed": tf.matmul(x, self.holed),
                "tiny": tf.matmul(x, self.tiny),
                "narrow": tf.cast(tf.matmul(tf.cast(x, tf.bfloat16), self.narrow), tf.float32),
                "double": tf.matmul(tf.cast(x, tf.float64), self.double),
                "scalar": tf.reduce_sum(self.empty) + self.scalar,
                "ids": self.ids[-3:],
                "wide": self.wide[-3:],
                "words": self.words + "!",
                "shared": tf.matmul(x, self.small) + tf.matmul(x, self.same, transpose_b=True),
            }

        @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, "x")])
        def flows(self, x):
            y = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.matmul(x, self.small), lambda: x)
            for _ in tf.range(3):
                y = tf.tanh(tf.matmul(y, self.small))
            return {"y": tf.map_fn(lambda row: tf.linalg.matvec(self.small, row), y)}

    model = Unusual()
    folder = tmp_path_factory.mktemp("unusual") / "1"
    signatures = {"serving_default": model.products, "flows": model.flows}
    tf.saved_model.save(model, str(folder), signatures=signatures)
    return folder


@pytest.mark.parametrize("weights", ["float32", "float16", "bfloat16", "int8"])
@pytest.mark.parametrize("freeze", [True, False], ids=["frozen", "not frozen"])
def test_weights_of_any_kind_answer_the_same(unusual, tmp_path, weights, freeze):
    result = shrink(
        unusual, tmp_path / "small", weights=weights, freeze=freeze,
        **({} if weights == "float32" else {"atol": 5e-2, "rtol": 5e-2}),
    )  # fmt: skip
    assert result.outcome == "smaller", result.reason
    assert result.loaders == ("tf2", "v1")
    assert len(result.asked) == 2
    if freeze:
        assert of_step(result, "freeze").is_taken
        # Loops and branches stay; what they read is constant.
        (graph,) = read_saved_model(result.output).meta_graphs
        functions = graph.graph_def.library.function
        assert not {node.op for one in functions for node in one.node_def} & {"ReadVariableOp"}
