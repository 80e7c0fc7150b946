import numpy as np
import pytest

from cpr.errors import BadInput, LoadError
from cpr.predictors.litert_model import LiteRTModel

pytest.importorskip("ai_edge_litert", reason="needs the extra cpr[litert]")


@pytest.fixture(scope="module")
def converted(tf, tmp_path_factory):
    """Two signatures with any batch, converted from a SavedModel."""
    spec = tf.TensorSpec

    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            self.weights = tf.Variable([[1.0], [10.0], [100.0]])

        @tf.function(
            input_signature=[
                spec([None, 3], tf.float32, name="sizes"),
                spec([None], tf.int32, name="age"),
            ]
        )
        def score(self, sizes, age):
            return {"score": sizes @ self.weights, "older": age + 1}

        @tf.function(input_signature=[spec([None, 3], tf.float32, name="x")])
        def double(self, x):
            return {"y": x * 2.0}

    model = Model()
    folder = tmp_path_factory.mktemp("litert")
    signatures = {"serving_default": model.score, "double": model.double}
    tf.saved_model.save(model, str(folder / "saved"), signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(folder / "saved"), signature_keys=list(signatures)
    )
    return converter.convert()


@pytest.fixture(scope="module")
def fixed(tf):
    """Made for one instance, with a shape of its own inside."""

    @tf.function(input_signature=[tf.TensorSpec([1, 3], tf.float32, name="x")])
    def call(x):
        return tf.nn.softmax(tf.reshape(x, [1, 3]))

    function = call.get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([function], call).convert()


def saved(folder, content, name="model.tflite"):
    (folder / name).write_bytes(content)
    return LiteRTModel.from_path(folder)


def test_several_inputs_and_outputs_go_by_the_signatures_names(converted, tmp_path):
    predictor = saved(tmp_path, converted)
    predictions = predictor.predict(
        [{"sizes": [1, 2, 3], "age": 40}, {"age": 1, "sizes": [4, 5, 6]}]
    )
    assert predictions == [{"score": [321.0], "older": 41}, {"score": [654.0], "older": 2}]
    assert predictor.batchable


@pytest.mark.parametrize("count", [1, 3, 2])
def test_batch_follows_the_instances(converted, tmp_path, count):
    predictor = saved(tmp_path, converted, name="other.tflite")
    instances = [[1.0, 2.0, 3.0]] * count
    predictions = predictor.predict(instances, signature_name="double")
    assert predictions.tolist() == [[2.0, 4.0, 6.0]] * count


def test_model_made_for_one_instance_answers_several(fixed, tmp_path):
    predictor = saved(tmp_path, fixed)
    instances = np.random.default_rng(1).normal(size=(4, 3))
    expected = np.exp(instances) / np.exp(instances).sum(1, keepdims=True)
    assert np.allclose(predictor.predict(instances.tolist()), expected, rtol=1e-5)
    assert not predictor.batchable


def test_model_keeps_no_memory_of_earlier_outputs(converted, tmp_path):
    predictor = saved(tmp_path, converted)
    first = predictor.predict([[1.0, 1.0, 1.0]], signature_name="double")
    predictor.predict([[5.0, 5.0, 5.0]], signature_name="double")
    assert first.tolist() == [[2.0, 2.0, 2.0]]


def test_labels_name_the_class(fixed, tmp_path):
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    predictor = saved(tmp_path, fixed)
    assert predictor.predict([[0, 5, 0], [9, 0, 0]]) == ["b", "a"]


@pytest.mark.parametrize(
    ("instances", "signature_name", "message"),
    [
        pytest.param(
            [{"sizes": [1, 2, 3], "age": 1.5}],
            None,
            r"instances\[0\].age is 1.5; expected an integer",
            id="type",
        ),
        pytest.param([{"sizes": [1, 2, 3]}], None, "Input age was missing", id="missing"),
        pytest.param(
            [[1, 2, 3]], "duoble", "No signature found for signature key duoble", id="key"
        ),
        pytest.param(
            [{"sizes": [1, 2], "age": 1}], None, "The model refuses these instances", id="shape"
        ),
    ],
)
def test_names_what_is_wrong(converted, tmp_path, instances, signature_name, message):
    with pytest.raises(BadInput, match=message):
        saved(tmp_path, converted).predict(instances, signature_name=signature_name)


def test_refused_shape_comes_with_the_declared_one(converted, tmp_path):
    with pytest.raises(BadInput) as caught:
        saved(tmp_path, converted).predict([{"sizes": [1, 2], "age": 1}])
    assert caught.value.hint == (
        "It declares the inputs age [any], sizes [any, 3]; the first size counts the instances."
    )


def test_interpreter_recovers_from_a_refused_shape(converted, tmp_path):
    predictor = saved(tmp_path, converted)
    with pytest.raises(BadInput):
        predictor.predict([{"sizes": [1, 2], "age": 1}])
    assert predictor.predict([{"sizes": [1, 2, 3], "age": 1}]) == [{"score": [321.0], "older": 2}]


@pytest.mark.parametrize("length", [0, 10, 500], ids=str)
def test_truncated_file_is_refused(converted, tmp_path, length):
    with pytest.raises(LoadError, match=r"LiteRT cannot load .*model\.tflite: "):
        saved(tmp_path, converted[:length])
