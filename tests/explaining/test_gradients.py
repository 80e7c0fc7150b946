"""Integrated gradients of SavedModels: completeness, and what has no gradients."""

import json

import numpy as np
import pytest

ROW = [0.5, -1.2, 0.7]
GRADIENTS = {"method": "integrated-gradients"}


@pytest.fixture(scope="session")
def network(tf, saved_function):
    """A network with kinks, of three numbers to two probabilities."""
    generator = np.random.default_rng(2)
    first = tf.Variable(generator.normal(size=(3, 16)), dtype=tf.float32)
    second = tf.Variable(generator.normal(size=(16, 2)), dtype=tf.float32)

    def call(x):
        return {"scores": tf.nn.softmax(tf.nn.relu(x @ first) @ second)}

    module = tf.Module()
    module.variables_of_call = (first, second)
    module.call = tf.function(call, input_signature=[tf.TensorSpec([None, 3], name="x")])
    return module


@pytest.fixture(scope="session")
def network_dir(tf, network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("network") / "3"
    tf.saved_model.save(network, str(folder), signatures={"serving_default": network.call})
    return folder.parent


@pytest.mark.parametrize("steps", [1, 10, 200])
def test_the_attributions_of_a_network_add_up(explainer_of, network_dir, labels_of, steps):
    explain = {**GRADIENTS, "num_integral_steps": steps, "top_k": 2}
    found = labels_of(explainer_of(network_dir), instances=[ROW], explain=explain)
    assert [item["output_name"] for item in found] == ["scores", "scores"]
    assert {item["label_index"] for item in found} == {0, 1}
    for item in found:
        difference = item["example_score"] - item["baseline_score"]
        assert sum(item["attributions"]["x"]) == pytest.approx(difference, rel=0.011)
        off = abs(sum(item["attributions"]["x"]) - difference)
        assert item["approx_error"] <= 0.01
        assert off <= item["approx_error"] * abs(difference) + 1e-9


def test_more_steps_come_nearer(explainer_of, network_dir, labels_of):
    explainer = explainer_of(network_dir)
    errors = [
        labels_of(explainer, instances=[ROW], explain={**GRADIENTS, "num_integral_steps": steps})[
            0
        ]["approx_error"]
        for steps in (5, 1000)
    ]
    assert errors[1] < 1e-4
    assert errors[1] <= errors[0]


def test_gradients_of_a_linear_model_are_its_weights(explainer_of, saved_function, labels_of, tf):
    weights = [2.0, -1.0, 0.5]
    folder = saved_function(lambda x: {"y": tf.linalg.matvec(x, weights)}, x=([None, 3], "float32"))
    explainer = explainer_of(folder)
    explain = {**GRADIENTS, "baseline": [1, 1, 1]}
    [found] = labels_of(explainer, instances=[ROW], explain=explain)
    expected = np.multiply(weights, np.subtract(ROW, 1))
    assert found["attributions"]["x"] == pytest.approx(expected, rel=1e-5)
    assert found["label_index"] == -1
    [sampled] = labels_of(explainer, instances=[ROW], explain={"baseline": [1, 1, 1]})
    assert sampled["attributions"]["x"] == pytest.approx(expected, rel=1e-4)


def test_several_inputs_are_explained_those_of_no_floats_stay(
    explainer_of, saved_function, labels_of, tf
):
    def call(a, b, number, word):
        y = a * b[:, 0] * tf.cast(number, tf.float32)
        return {"y": y * tf.cast(tf.strings.length(word), tf.float32), "text": word}

    shapes = {"a": ([None], "float32"), "b": ([None, 2], "float32"), "number": ([None], "int64")}
    folder = saved_function(call, **shapes, word=([None], "string"))
    instance = {"number": 3, "b": [2.0, 5.0], "word": "x", "a": 4.0}
    [found] = labels_of(explainer_of(folder), instances=[instance], explain=GRADIENTS)
    assert found["attributions"]["b"] == pytest.approx([12, 0])
    assert found["attributions"]["a"] == pytest.approx(12)
    assert (found["attributions"]["number"], found["attributions"]["word"]) == (0, 0)
    assert (found["baseline_score"], found["example_score"]) == (0, 24)


def test_large_instances_of_a_saved_model_take_gradients_by_themselves(
    explainer_of, saved_function, labels_of, tf
):
    folder = saved_function(
        lambda image: {"y": tf.reduce_sum(image**2, [1, 2])}, image=([None, 9, 9], "float32")
    )
    image = np.arange(81.0).reshape(9, 9) / 10
    [found] = labels_of(explainer_of(folder), instances=[image.tolist()])
    assert np.allclose(found["attributions"]["image"], image**2, rtol=1e-4)
    assert 0 < found["approx_error"] < 1e-4


def test_a_graph_of_tensorflow_1_has_gradients(explainer_of, labels_of, tf, tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 3], "x")
        w = v1.get_variable("w", initializer=[[1.0], [2.0], [3.0]], use_resource=False)
        y = tf.sigmoid(x @ w, "y")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "m"), {"x": x}, {"y": y})
    metadata = {
        "inputs": {"data": {"input_tensor_name": "x:0", "input_baselines": [0.1]}},
        "outputs": {"score": {"output_tensor_name": "y:0"}},
        "framework": "tensorflow",
    }
    (tmp_path / "m" / "explanation_metadata.json").write_text(json.dumps(metadata))
    [found] = labels_of(explainer_of(tmp_path / "m"), instances=[ROW], explain=GRADIENTS)
    assert (found["output_name"], list(found["attributions"])) == ("score", ["data"])
    difference = found["example_score"] - found["baseline_score"]
    assert sum(found["attributions"]["data"]) == pytest.approx(difference, abs=1e-4)
    assert found["baseline_score"] == pytest.approx(1 / (1 + np.exp(-0.6)), rel=1e-5)


def test_a_model_that_jumps_is_declined(explainer_of, saved_function, ask, tf):
    folder = saved_function(
        lambda x: {"y": tf.sign(x[:, 0]) + 0.001 * x[:, 0]}, x=([None, 3], "float32")
    )
    status, document = ask(explainer_of(folder), instances=[ROW], explain=GRADIENTS)
    assert status == 500
    assert (
        "the attributions add up to 0.0005, but the scores of the instance and the baseline "
        in (document["error"])
    )


@pytest.mark.parametrize(
    ("call", "instance", "said"),
    [
        (lambda tf, x: {"y": tf.argmax(x, 1)}, ROW, "the output 'y' has no gradient by 'x'."),
        (
            lambda tf, x: {"y": tf.cast(x, tf.float32)[:, 0]},
            [1, 2, 3],
            "no input of the signature 'serving_default' holds floats",
        ),
    ],
    ids=["output", "input"],
)
def test_what_has_no_gradient_is_said(explainer_of, saved_function, ask, tf, call, instance, said):
    dtype = "int64" if isinstance(instance[0], int) else "float32"
    folder = saved_function(lambda x: call(tf, x), x=([None, 3], dtype))
    status, document = ask(explainer_of(folder), instances=[instance], explain=GRADIENTS)
    assert (status, said in document["error"]) == (400, True), document
    assert "sampled-shapley" in document["error"]


@pytest.mark.parametrize(
    ("call", "explain", "said"),
    [
        (lambda tf, x: x, {"baseline": -3e38}, "so far apart in x that float32 cannot hold the"),
        (lambda tf, x: 1 / x, {}, "has the score inf; only finite numbers up to 1e+150 can be"),
        (
            lambda tf, x: tf.where(x > -1, x, tf.math.log(x - tf.abs(x))),
            {},
            "the gradients between instance and baseline are no finite numbers.",
        ),
    ],
    ids=["way", "score", "gradients"],
)
def test_numbers_that_are_not_finite_are_refused(
    explainer_of, saved_function, ask, tf, call, explain, said
):
    folder = saved_function(lambda x: {"y": call(tf, x)[:, 0]}, x=([None, 1], "float32"))
    explain = {**GRADIENTS, **explain}
    status, document = ask(explainer_of(folder), instances=[[3e38]], explain=explain)
    assert (status, said in document["error"]) == (400, True), document


def test_a_million_values_have_gradients_a_few_at_a_time(
    explainer_of, saved_function, labels_of, tf
):
    def call(x):
        rows = tf.debugging.assert_less_equal(tf.shape(x)[0], 4)
        with tf.control_dependencies([rows]):
            return {"y": tf.reduce_sum(x**2, 1)}

    folder = saved_function(call, x=([None, 1_000_000], "float32"))
    explain = {"num_integral_steps": 10}
    [found] = labels_of(explainer_of(folder), instances=[[0.5] * 1_000_000], explain=explain)
    assert np.allclose(found["attributions"]["x"], 0.25, rtol=1e-3)


def test_other_models_have_no_gradients(explainer_of, forest, ask):
    status, document = ask(explainer_of(forest), instances=[[1] * 5], explain=GRADIENTS)
    assert status == 400
    assert (
        "SklearnEstimator is no ready-made predictor of a TensorFlow SavedModel"
        in (document["error"])
    )


def test_texts_are_explained_by_sampling(explainer_of, saved_function, labels_of, tf):
    folder = saved_function(
        lambda word: {"length": tf.strings.length(word)}, word=([None], "string")
    )
    [found] = labels_of(explainer_of(folder), instances=["four"])
    assert found["attributions"] == {"word": 4}
    assert (found["baseline_score"], found["example_score"]) == (0, 4)


def test_a_graph_for_a_single_instance_is_asked_one_by_one(
    explainer_of, saved_function, labels_of, tf
):
    folder = saved_function(
        lambda x: {"y": tf.reshape(tf.reduce_sum(x**2), [1])}, x=([None, 3], "float32")
    )
    [found] = labels_of(explainer_of(folder), instances=[[1, 2, 3]], explain=GRADIENTS)
    assert found["attributions"]["x"] == pytest.approx([1, 4, 9], rel=1e-4)


@pytest.mark.parametrize("method", ["sampled-shapley", "integrated-gradients"])
def test_an_output_that_the_signature_does_not_have_is_named(
    explainer_of, network_dir, ask, method
):
    options = {"method": method, "output": "score"}
    status, document = ask(explainer_of(network_dir), instances=[ROW], explain=options)
    assert status == 400
    assert "explain.output is 'score'; the signature has scores." in document["error"]


@pytest.fixture(scope="session")
def keras_dir(tf, tmp_path_factory):
    """A Keras archive of two inputs by name: rows of three, and rows of one."""
    keras = tf.keras
    keras.utils.set_random_seed(3)
    rows, one = keras.Input((3,), name="rows"), keras.Input((1,), name="one")
    hidden = keras.layers.Dense(8, activation="tanh")(keras.layers.Concatenate()([rows, one]))
    model = keras.Model([rows, one], keras.layers.Dense(2, "softmax", name="scores")(hidden))
    folder = tmp_path_factory.mktemp("keras")
    model.save(folder / "model.keras")
    return folder


def test_a_keras_archive_has_gradients(explainer_of, keras_dir, labels_of):
    explainer = explainer_of(keras_dir)
    instance = {"rows": ROW, "one": [2.0]}
    found = labels_of(explainer, instances=[instance], explain={**GRADIENTS, "top_k": 2})
    assert {item["output_name"] for item in found} == {"scores"}
    for item in found:
        attributions = item["attributions"]
        total = sum(attributions["rows"]) + sum(attributions["one"])
        difference = item["example_score"] - item["baseline_score"]
        assert total == pytest.approx(difference, rel=0.011)
    # As the predictor, it takes a bare number for a row of one.
    [bare] = labels_of(explainer, instances=[{"rows": ROW, "one": 2.0}], explain=GRADIENTS)
    assert bare["attributions"]["one"] == pytest.approx(found[0]["attributions"]["one"][0])


def test_gradients_of_a_keras_archive_are_near_shapley_values(explainer_of, keras_dir, labels_of):
    explainer = explainer_of(keras_dir)
    instances = [{"rows": [0.01, -0.02, 0.03], "one": [0.02]}]  # where it is all but linear
    [by_path] = labels_of(explainer, instances=instances, explain=GRADIENTS)
    [by_sets] = labels_of(explainer, instances=instances, explain={"method": "sampled-shapley"})
    expected = by_sets["attributions"]["rows"]
    assert by_path["attributions"]["rows"] == pytest.approx(expected, rel=0.05)


def test_many_values_without_gradients_are_sampled(explainer_of, tf, saved_function, labels_of):
    weights = tf.range(100, dtype=tf.float32)

    def call(words):
        return {"y": tf.linalg.matvec(tf.cast(words, tf.float32), weights)}

    explainer = explainer_of(saved_function(call, words=([None, 100], tf.int32)))
    [found] = labels_of(explainer, instances=[[1] * 100], explain={"num_paths": 2})
    assert found["attributions"]["words"] == pytest.approx(list(range(100)), abs=0.01)
