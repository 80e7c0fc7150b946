"""The ONNX predictor: agreement with onnxruntime, and its messages."""

import pickle
import re

import numpy as np
import pytest

from cpr.config import PredictorSettings
from cpr.errors import BadInput, LoadError, PredictionFailed
from cpr.predictors.onnx_model import OnnxModel

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra cpr[onnx]")
onnx = pytest.importorskip("onnx", reason="needs onnx to write models")

TensorProto, helper = onnx.TensorProto, onnx.helper
ROWS = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [-1.0, 0.5, 9.0]]


def model(nodes, inputs, outputs):
    """An ONNX model of (operator, inputs, outputs[, attributes]) and (name, type, shape)."""
    graph = helper.make_graph(
        [helper.make_node(op, i, o, **(rest[0] if rest else {})) for op, i, o, *rest in nodes],
        "graph",
        [helper.make_tensor_value_info(*item) for item in inputs],
        [helper.make_tensor_value_info(*item) for item in outputs],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return made


def softmax(batch=None):
    return model(
        [("Softmax", ["x"], ["scores"])],
        [("x", TensorProto.FLOAT, [batch, 3])],
        [("scores", TensorProto.FLOAT, [batch, 3])],
    )


def two_in_two_out():
    return model(
        [("Mul", ["a", "n"], ["product"]), ("Add", ["a", "n"], ["sum"])],
        [("a", TensorProto.INT64, [None]), ("n", TensorProto.INT64, [None])],
        [("product", TensorProto.INT64, [None]), ("sum", TensorProto.INT64, [None])],
    )


@pytest.fixture
def load(tmp_path):
    """Saves a model and labels, and loads the predictor."""

    def make(made, *, name="model.onnx", labels="", **settings):
        (tmp_path / name).write_bytes(made.SerializeToString())
        if labels:
            (tmp_path / "labels.txt").write_text(labels)
        return OnnxModel.from_path(str(tmp_path), settings=PredictorSettings(**settings))

    return make


def direct(made, **feeds):
    session = onnxruntime.InferenceSession(made.SerializeToString())
    return session.run(None, feeds)


@pytest.mark.parametrize(
    "instances", [ROWS, [{"x": row} for row in ROWS]], ids=["bare values", "objects"]
)
@pytest.mark.parametrize("name", ["model.onnx", "mobilenet.onnx"])
def test_predicts_as_the_library_does(load, instances, name):
    [expected] = direct(softmax(), x=np.array(ROWS, np.float32))
    predictor = load(softmax(), name=name)
    assert np.array_equal(predictor.predict(instances), expected)
    assert predictor.batchable


def test_several_outputs_are_an_object(load):
    predictions = load(two_in_two_out()).predict([{"a": 3, "n": 4}, {"n": 2, "a": 5}])
    assert predictions == [{"product": 12, "sum": 7}, {"product": 10, "sum": 7}]


def test_the_setting_output_picks_one(load):
    predictor = load(two_in_two_out(), output="sum")
    assert predictor.predict([{"a": 3, "n": 4}]).tolist() == [7]
    with pytest.raises(LoadError, match="has no output 'sums'; it has product, sum") as caught:
        load(two_in_two_out(), output="sums")
    assert caught.value.hint == "Did you mean 'sum'?"


@pytest.mark.parametrize(
    ("element", "values"),
    [
        (TensorProto.FLOAT, [1.5, 2]),
        (TensorProto.DOUBLE, [1.5, 2]),
        (TensorProto.FLOAT16, [1.5, 2]),
        (TensorProto.INT8, [-1, 2]),
        (TensorProto.UINT8, [255, 2]),
        (TensorProto.INT32, [-1, 2]),
        (TensorProto.INT64, [2**62, 2]),
        (TensorProto.BOOL, [True, False]),
        (TensorProto.STRING, ["été", ""]),
    ],
    ids=["float", "double", "float16", "int8", "uint8", "int32", "int64", "bool", "string"],
)
def test_every_type_that_json_can_fill_goes_through(load, element, values):
    made = model([("Identity", ["x"], ["y"])], [("x", element, [None])], [("y", element, [None])])
    assert list(load(made).predict(values)) == values


def test_a_fixed_batch_of_one_is_run_for_each_instance(load):
    predictor = load(softmax(batch=1))
    [expected] = direct(softmax(), x=np.array(ROWS, np.float32))
    assert np.allclose(predictor.predict(ROWS), expected, atol=1e-7)
    assert not predictor.batchable


def test_another_fixed_batch_takes_exactly_that_many(load):
    predictor = load(softmax(batch=3))
    [expected] = direct(softmax(), x=np.array(ROWS, np.float32))
    assert np.array_equal(predictor.predict(ROWS), expected)
    with pytest.raises(BadInput, match="There are 2 instances; the model takes exactly 3 at a"):
        predictor.predict(ROWS[:2])


def test_a_column_takes_scalars(load):
    column = [None, 1]
    made = model(
        [("Neg", ["x"], ["y"])],
        [("x", TensorProto.FLOAT, column)],
        [("y", TensorProto.FLOAT, column)],
    )
    assert load(made).predict([1, 2]).tolist() == [[-1], [-2]]


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        ({"x": 1}, "instances must be a list, not an object with 1 keys."),
        ([[1, 2]], "Each value of input 'x' has shape [2]; the model takes [3]."),
        ([1], "Each value of input 'x' has shape []; the model takes [3]."),
        ([[1, 2, "z"]], "instances[0][2] is 'z'; expected a number (float32)."),
        ([[1, 2, 3], [1, 2, None]], "instances[1][2] is null; expected a number (float32)."),
        ([{"x": [1, 2, "z"]}], "instances[0].x[2] is 'z'; expected a number (float32)."),
        ([{"y": [1, 2, 3]}], "Unexpected tensor name: y\ninstances[0] may hold 'x'."),
        ([{}], "Input x was missing in at least one input instance."),
    ],
    ids=["object", "narrow", "scalar", "text", "null", "named text", "name", "empty"],
)
def test_bad_instances_are_explained(load, instances, message):
    predictor = load(softmax())
    with pytest.raises(BadInput) as caught:
        predictor.predict(instances)
    assert str(caught.value).startswith(message)


def test_no_instances_are_no_predictions(load):
    assert load(softmax()).predict([]) == []


def test_labels_name_the_highest_score(load):
    predictor = load(softmax(), labels="a\nb\nc\n")
    assert predictor.predict([[9, 0, 0], [0, 0, 9]]) == ["a", "c"]
    assert predictor.predict([[9, 0, 0]], probabilities=True).shape == (1, 3)


def test_a_failure_inside_the_model_is_the_models(load):
    made = model(
        [("Add", ["x", "y"], ["z"])],
        [("x", TensorProto.FLOAT, [None, None]), ("y", TensorProto.FLOAT, [None, None])],
        [("z", TensorProto.FLOAT, [None, None])],
    )
    predictor = load(made)
    with pytest.raises(PredictionFailed, match=r"^onnxruntime failed: .*Add"):
        predictor.predict([{"x": [1, 2], "y": [1, 2, 3]}])


def test_an_input_that_json_cannot_fill_is_refused(load):
    made = model(
        [("Identity", ["x"], ["y"])],
        [("x", TensorProto.BFLOAT16, [None])],
        [("y", TensorProto.BFLOAT16, [None])],
    )
    with pytest.raises(LoadError, match=r"The input 'x' is a tensor\(bfloat16\), which JSON"):
        load(made)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"garbage", r"Protobuf parsing failed\."),
        (b"", r"No graph was found in the protobuf\.|ModelProto does not have a graph\."),
    ],
    ids=["garbage", "empty"],
)
def test_a_damaged_file_is_refused(tmp_path, content, reason):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(LoadError) as caught:
        OnnxModel.from_path(tmp_path)
    start = f"onnxruntime {onnxruntime.__version__} cannot load {tmp_path}/model.onnx: "
    assert re.fullmatch(re.escape(start) + f"({reason})", caught.value.problem)


@pytest.fixture(scope="module")
def iris():
    """A fitted classifier and its rows."""
    pytest.importorskip("skl2onnx", reason="needs skl2onnx to convert models")
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    rows, classes = load_iris(return_X_y=True)
    return LogisticRegression(max_iter=1000).fit(rows, classes), rows


class TestConvertedFromScikitLearn:
    """What skl2onnx makes of classifiers and of pipelines over columns."""

    def converted(self, iris, **options):
        from skl2onnx import to_onnx

        made = to_onnx(iris[0], iris[1][:1].astype(np.float32), options=options, target_opset=17)
        made.ir_version = 8  # the oldest supported onnxruntime takes no newer one
        return made

    def test_agrees_with_scikit_learn(self, load, iris):
        estimator, rows = iris
        predictor = load(self.converted(iris, zipmap=False), output="probabilities")
        expected = estimator.predict_proba(rows)
        assert np.allclose(predictor.predict(rows.tolist()), expected, atol=1e-5)

    @pytest.mark.parametrize(
        ("labels", "keys"), [("", ["0", "1", "2"]), ("a\nb\nc\n", ["a", "b", "c"])]
    )
    def test_maps_of_probabilities_have_texts_for_keys(self, load, iris, labels, keys):
        estimator, rows = iris
        predictions = load(self.converted(iris), labels=labels).predict(rows[::60].tolist())
        expected = estimator.predict_proba(rows[::60])
        for prediction, probabilities in zip(predictions, expected, strict=True):
            assert str(prediction["output_label"]) == keys[probabilities.argmax()]
            found = prediction["output_probability"]
            assert list(found) == keys
            assert np.allclose(list(found.values()), probabilities, atol=1e-5)

    def test_a_map_alone_is_the_prediction(self, load, iris):
        predictor = load(self.converted(iris), output="output_probability")
        [prediction] = predictor.predict([[5.1, 3.5, 1.4, 0.2]])
        assert list(prediction) == ["0", "1", "2"]

    def test_a_preprocessor_comes_first(self, load, iris, tmp_path):
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        estimator, rows = iris
        scaler = StandardScaler().fit(rows)
        fitted = LogisticRegression().fit(scaler.transform(rows), estimator.predict(rows))
        (tmp_path / "preprocessor.pkl").write_bytes(pickle.dumps(scaler))
        predictor = load(self.converted((fitted, rows), zipmap=False), output="probabilities")
        expected = fitted.predict_proba(scaler.transform(rows))
        assert predictor.batchable
        assert np.allclose(predictor.predict(rows.tolist()), expected, atol=1e-5)

    def test_columns_of_numbers_and_texts(self, load):
        pandas = pytest.importorskip("pandas", reason="needs pandas")
        skl2onnx = pytest.importorskip("skl2onnx", reason="needs skl2onnx to convert models")
        from skl2onnx.common.data_types import FloatTensorType, StringTensorType
        from sklearn.compose import ColumnTransformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder

        frame = pandas.DataFrame({"age": [20.0, 30, 40, 50], "city": ["A", "B", "A", "C"]})
        encoder = ColumnTransformer(
            [("city", OneHotEncoder(), ["city"])], remainder="passthrough", sparse_threshold=0
        )
        pipeline = make_pipeline(encoder, LogisticRegression()).fit(
            frame, ["no", "no", "yes", "yes"]
        )
        types = [("age", FloatTensorType([None, 1])), ("city", StringTensorType([None, 1]))]
        made = skl2onnx.convert_sklearn(
            pipeline, initial_types=types, options={"zipmap": False}, target_opset=17
        )
        made.ir_version = 8
        predictor = load(made, output="label")
        sent = frame.to_dict("records")
        assert predictor.predict(sent) == pipeline.predict(frame).tolist()
        with pytest.raises(BadInput, match=r"instances\[1\]\.city is 3; expected text"):
            predictor.predict([sent[0], {"age": 1, "city": 3}])
