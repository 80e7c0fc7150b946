import functools
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest

from cpr.config import PredictorSettings
from cpr.errors import BadInput, BadOutput, EnvironmentProblem, LoadError, PredictionFailed
from cpr.predictors.tf_saved_model import TfSavedModel
from cpr.runtimes.tf_functions import TfFunctions
from cpr.runtimes.tf_session import TfSession
from cpr.savedmodel.reader import read_saved_model, write_saved_model

# Functions of numpy are not on the list of what pickles may name.
NUMPY = PredictorSettings(trusted=("numpy.multiply", "numpy.take"))


@pytest.fixture(scope="module")
def half(half_plus_two):
    return TfSavedModel.from_path(half_plus_two)


@pytest.fixture(scope="module")
def module(tf2_model):
    return TfSavedModel.from_path(tf2_model)


def copied(model, folder, **files):
    """A copy of a SavedModel, with text files beside it."""
    shutil.copytree(model, folder, dirs_exist_ok=True)
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.mark.parametrize(
    ("instances", "expected"),
    [
        pytest.param([[1.0], [2.0]], [[2.5], [3.0]], id="as-declared"),
        pytest.param([2.0, 3], [3.0, 3.5], id="scalars-where-a-vector-is-declared"),
        pytest.param([[1.0, 2.0, 5.0]], [[2.5, 3.0, 4.5]], id="wider-than-declared"),
        pytest.param([{"x": [1.0]}, {"x": [2.0]}], [[2.5], [3.0]], id="objects"),
        pytest.param([{"x": [1.0]}, [2.0]], [[2.5], [3.0]], id="objects-and-bare-values"),
        pytest.param([], [], id="no-instances"),
    ],
)
def test_shapes_come_from_the_instances(half, instances, expected):
    assert np.asarray(half.predict(instances)).tolist() == expected


def test_serialized_examples_are_instances(half, example):
    instances = [example(x=1.0), example(x=5.0)]
    predictions = half.predict(instances, signature_name="regress_x_to_y")
    assert predictions.tolist() == [[2.5], [4.5]]
    assert half.decodes_b64


def test_reference_variables_are_outputs_and_keep_their_state(counter):
    predictor = TfSavedModel.from_path(counter)
    assert predictor.predict([{}], signature_name="incr").tolist() == [1.0]
    assert predictor.predict([{}], signature_name="incr").tolist() == [2.0]
    # A float_ref output must not alias the variable: the copy stays what it was.
    before = predictor.predict([{}], signature_name="get")
    assert predictor.predict_columns({"delta": 5.0}, "incr_by")["output"] == 7.0
    assert before.tolist() == [2.0]
    assert predictor.predict([{}], signature_name="reset").tolist() == [0.0]
    assert not predictor.batchable


def test_warming_up_runs_nothing(counter):
    predictor = TfSavedModel.from_path(counter)
    predictor.warmup()
    assert predictor.predict([{}], signature_name="get").tolist() == [0.0]


@pytest.mark.parametrize("instances", [[1], [{}, {}], [{"x": 1}]], ids=["value", "two", "named"])
def test_signature_without_inputs_is_called_once(counter, instances):
    predictor = TfSavedModel.from_path(counter)
    with pytest.raises(BadInput, match="Signature 'get' takes no inputs") as caught:
        predictor.predict(instances, signature_name="get")
    assert caught.value.hint == 'Send one empty object: {"instances": [{}]}.'


def test_old_scalar_signatures_take_vectors_and_the_graph_knows_the_type(old_scalar):
    assert (old_scalar / "saved_model.pbtxt").is_file()
    predictor = TfSavedModel.from_path(old_scalar)
    assert predictor.predict([1.0, 2.0]).tolist() == [4.0, 5.0]
    assert predictor.predict(["a", "é"], signature_name="shout") == ["A", "é"]
    assert predictor.predict_columns({"x": 1.0})["y"] == 4.0


def test_vocabulary_asset_is_found_in_the_model_itself(module):
    assert module.predict(["dog", "cat", "cow"], signature_name="index").tolist() == [1, 0, -1]


def test_several_inputs_and_outputs_are_objects(module):
    instances = [{"sizes": [1, 2, 3], "age": 40}, {"age": 50, "sizes": [4, 5.5, 6]}]
    predictions = module.predict(instances)
    assert predictions == [{"older": 41, "score": 321.0}, {"older": 51, "score": 659.0}]


def test_text_is_decoded_except_where_the_name_says_bytes(module):
    predictions = module.predict(["a", b"b"], signature_name="raw")
    assert predictions == [
        {"upper": "A", "image_bytes": b"a\xff"},
        {"upper": "B", "image_bytes": b"b\xff"},
    ]


@pytest.mark.parametrize(
    ("instances", "signature_name", "problem"),
    [
        pytest.param(
            [{"sizes": [1, 2, 3], "age": 1}, {"sizes": [1, 2, "3"], "age": 1}],
            None,
            "instances[1].sizes[2] is '3'; expected a number (float32).",
            id="text-for-float",
        ),
        pytest.param(
            [{"sizes": [1, 2, 3], "age": 1.0}],
            None,
            "instances[0].age is 1.0; expected an integer (int32).",
            id="float-for-int",
        ),
        pytest.param(
            [{"sizes": [1, 2, 3]}],
            None,
            "Input age was missing in at least one input instance.",
            id="missing-input",
        ),
        pytest.param(
            [{"sizes": [1, 2, 3], "aeg": 1}],
            None,
            "Unexpected tensor name: aeg",
            id="unknown-input",
        ),
        pytest.param(
            [[1, 2], [3]],
            "mean",
            "instances[1] has 1 values where instances[0] has 2; all must have as many.",
            id="ragged",
        ),
        pytest.param(
            [1], "invert", "instances[0] is 1; expected true or false.", id="number-for-bool"
        ),
        pytest.param(
            [7], "raw", "instances[0] is 7; expected text or bytes.", id="number-for-text"
        ),
        pytest.param(
            {"x": 1},
            "mean",
            "instances must be a list, not an object with 1 keys.",
            id="not-a-list",
        ),
    ],
)
def test_names_what_is_wrong_with_an_instance(module, instances, signature_name, problem):
    with pytest.raises(BadInput) as caught:
        module.predict(instances, signature_name=signature_name)
    assert caught.value.problem == problem


def test_shape_that_the_graph_refuses_is_the_callers_fault(module):
    with pytest.raises(BadInput) as caught:
        module.predict([{"sizes": [1, 2], "age": 1}])
    assert caught.value.problem == (
        "The model refuses these instances: Matrix size-incompatible: In[0]: [1,2], In[1]: [3,1]"
    )


@pytest.fixture(scope="module")
def convolution(tf, tmp_path_factory):
    """Two signatures, of which one convolves; TensorFlow ends the process for fewer dimensions."""

    class Images(tf.Module):
        def __init__(self):
            super().__init__()
            self.kernel = tf.Variable(tf.ones((2, 2, 3, 1)))

        @tf.function(input_signature=[tf.TensorSpec([None, 4, 4, 3], tf.float32, "image")])
        def convolve(self, image):
            return {"found": tf.reduce_sum(tf.nn.conv2d(image, self.kernel, 1, "SAME"), [1, 2])}

        @tf.function(input_signature=[tf.TensorSpec([None, 4, 4, 3], tf.float32, "image")])
        def double(self, image):
            return {"twice": image * 2}

    model = Images()
    folder = tmp_path_factory.mktemp("convolution") / "1"
    signatures = {"serving_default": model.convolve, "double": model.double}
    tf.saved_model.save(model, str(folder), signatures)
    return folder


@pytest.mark.parametrize("loader", ["session", "functions"])
@pytest.mark.parametrize("shape", [(1,), (2, 4, 3), (0,)])
def test_fewer_dimensions_than_a_convolution_needs_are_refused(tf, convolution, loader, shape):
    runner = session = TfSession(tf, convolution, ())
    if loader == "functions":
        least = session.least_ranks
        runner = TfFunctions(tf, convolution, session.tags, session.signatures, least=least)
    with pytest.raises(BadInput) as caught:
        runner.run(session.signatures["serving_default"], {"image": np.ones(shape, "f4")})
    assert caught.value.problem == (
        f"The model refuses these instances: input image has the shape {list(shape)}, and a "
        "convolution needs 4 dimensions."
    )


def test_other_signatures_are_not_asked_for_dimensions(tf, convolution):
    session = TfSession(tf, convolution, ())
    assert session.least_ranks == {"serving_default": {"image": 4}}
    found = session.run(session.signatures["double"], {"image": np.ones((2, 3), "f4")})
    assert found["twice"].tolist() == [[2] * 3] * 2


def test_bytes_that_the_graph_refuses_are_the_callers_fault(half):
    with pytest.raises(BadInput) as caught:
        half.predict([b"ab\xff\x00\xfe"], signature_name="regress_x_to_y")
    problem = caught.value.problem
    assert problem.startswith(
        "The model refuses these instances, among which are the bytes b'\\xff"
    )


def test_failure_inside_the_model_is_not_the_callers_fault(module):
    with pytest.raises(PredictionFailed, match=r"The model failed: NotFoundError: .*nowhere"):
        module.predict_columns({"path": "/nowhere"}, "read")


def test_output_without_a_value_an_instance_is_refused(module):
    with pytest.raises(BadOutput, match=r"output 'mean' has shape \[1\], but there are 2"):
        module.predict([[1, 2, 3], [4, 5, 6]], signature_name="mean")


def test_columns_take_arrays_and_leave_out_extra_names(module):
    outputs = module.predict_columns(
        {"sizes": np.ones((2, 3)), "age": np.array([1, 2]), "unknown": 1}, "serving_default"
    )
    assert outputs["score"].tolist() == [111.0, 111.0]
    assert outputs["older"].dtype == np.int32
    with pytest.raises(BadInput, match="Input age is missing; signature 'serving_default' takes"):
        module.predict_columns({"sizes": np.ones((2, 3))})


def test_agrees_with_tensorflow_2_on_every_signature(tf, module, tf2_model):
    feeds = {
        "serving_default": {"sizes": np.float32([[1, 2, 3]]), "age": np.int32([4])},
        "index": {"word": np.array([b"dog"], object)},
        "raw": {"text": np.array([b"dog"], object)},
        "mean": {"x": np.float32([[1, 2, 4]])},
        "invert": {"flag": np.array([True])},
        "read": {"path": str(tf2_model / "fingerprint.pb").encode()},
    }
    assert set(feeds) == set(module.signatures)
    loaded = tf.saved_model.load(str(tf2_model))
    for name, inputs in feeds.items():
        tensors = {alias: tf.constant(value) for alias, value in inputs.items()}
        expected = loaded.signatures[name](**tensors)
        outputs = module.predict_columns(inputs, name)
        assert outputs.keys() == expected.keys()
        for alias, tensor in expected.items():
            assert np.array_equal(outputs[alias], tensor.numpy()), (name, alias)


def test_signatures_say_what_they_take_and_give(half, module):
    signature = half.signatures["serving_default"]
    assert signature.method == "tensorflow/serving/predict"
    spec = signature.inputs["x"]
    assert (spec.dtype, spec.shape, spec.sizes) == ("float32", (None, 1), "[any, 1]")
    assert half.signatures["regress_x_to_y"].inputs["inputs"].sizes == "of any shape"
    assert "__saved_model_init_op" not in module.signatures


@pytest.mark.parametrize(
    ("requested", "configured", "expected"),
    [
        pytest.param("mean", "raw", "mean", id="request-wins"),
        pytest.param(None, "raw", "raw", id="setting"),
        pytest.param("", "", "serving_default", id="default"),
    ],
)
def test_signature_is_chosen(tf2_model, requested, configured, expected):
    settings = PredictorSettings(signature_name=configured)
    predictor = TfSavedModel.from_path(tf2_model, settings=settings)
    with pytest.raises(BadInput, match=f"signature '{expected}' takes"):
        predictor.predict_columns({}, requested)


def test_only_signature_needs_no_name(two_graphs):
    predictor = TfSavedModel.from_path(two_graphs)
    assert list(predictor.signatures) == ["add"]
    assert predictor.predict([1.0]).tolist() == [2.0]


def test_unknown_signature_is_named_with_those_known(half, counter):
    with pytest.raises(BadInput) as caught:
        half.predict([1.0], signature_name="regress_x_to_z")
    assert caught.value.problem == "No signature found for signature key regress_x_to_z."
    assert caught.value.hint == (
        "Known are 'regress_x_to_y', 'serving_default'. Did you mean 'regress_x_to_y'?"
    )
    with pytest.raises(BadInput, match="No signature found for signature key serving_default"):
        TfSavedModel.from_path(counter).predict([{}])
    with pytest.raises(BadInput, match="signature_name is 7; expected a text"):
        half.predict([1.0], signature_name=7)


def test_tags_choose_the_meta_graph(two_graphs):
    settings = PredictorSettings(tags=("gpu", "serve"))
    assert TfSavedModel.from_path(two_graphs, settings=settings).predict([1.0]).tolist() == [3.0]


def test_tags_must_match_exactly(two_graphs):
    with pytest.raises(LoadError) as caught:
        TfSavedModel.from_path(two_graphs, settings=PredictorSettings(tags=("gpu",)))
    assert caught.value.problem.endswith(
        "has no MetaGraph with exactly the tags {gpu}; it has {serve} and {gpu, serve}."
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"signature_name": "mena"}, "predictor.signature_name is 'mena'; the model has 'index'"),
        ({"output": "scoer"}, "predictor.output is 'scoer'; the model has"),
    ],
    ids=["signature", "output"],
)
def test_setting_that_names_nothing_is_refused_at_load(tf2_model, setting, message):
    with pytest.raises(LoadError, match=message) as caught:
        TfSavedModel.from_path(tf2_model, settings=PredictorSettings(**setting))
    assert caught.value.hint.startswith("Did you mean")


def test_highest_numbered_directory_is_the_model(half_plus_two, tmp_path):
    copied(half_plus_two, tmp_path / "9")
    (tmp_path / "10").mkdir()
    copied(half_plus_two, tmp_path / "10")
    (tmp_path / "9" / "saved_model.pb").write_bytes(b"damaged")
    assert TfSavedModel.from_path(tmp_path).predict([2.0]).tolist() == [3.0]


def test_output_setting_keeps_one_output(tf2_model):
    predictor = TfSavedModel.from_path(tf2_model, settings=PredictorSettings(output="score"))
    assert predictor.predict([{"sizes": [1, 2, 3], "age": 40}]).tolist() == [321.0]
    assert predictor.predict([[1, 2, 3]], signature_name="mean").tolist() == [2.0]


def test_preprocessor_and_labels_beside_the_model_are_used(keras_saved_model, tmp_path):
    doubled = pickle.dumps(functools.partial(np.multiply, 2.0))
    plain = TfSavedModel.from_path(keras_saved_model)
    folder = copied(
        keras_saved_model,
        tmp_path / "model",
        preprocessor__pkl=doubled,
        labels__txt="setosa\nversicolor\nvirginica\n",
    )
    predictor = TfSavedModel.from_path(folder, settings=NUMPY)
    instances = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
    scores = plain.predict((2 * np.array(instances)).tolist())
    names = np.array(["setosa", "versicolor", "virginica"])[scores.argmax(1)].tolist()
    assert predictor.predict(instances) == names
    name = next(iter(plain.signatures["serving_default"].inputs))
    assert predictor.predict([{name: row} for row in instances]) == names
    assert np.array_equal(predictor.predict(instances, probabilities=True), scores)
    with pytest.raises(BadInput, match=r"^probabilities is 'yes'; expected true or false\.$"):
        predictor.predict(instances, probabilities="yes")


def test_preprocessor_fitted_on_a_dataframe_takes_objects(keras_saved_model, tmp_path):
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    sklearn = pytest.importorskip("sklearn.preprocessing", reason="needs scikit-learn")
    instances = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
    scaler = sklearn.StandardScaler().fit(pandas.DataFrame(instances, columns=list("abcd")))
    pickled = pickle.dumps(scaler)
    folder = copied(keras_saved_model, tmp_path / "model", preprocessor__pkl=pickled)
    predictor = TfSavedModel.from_path(folder)
    assert predictor.batchable
    objects = [dict(zip("dcba", reversed(row), strict=True)) for row in instances]
    assert np.array_equal(predictor.predict(objects), predictor.predict(instances))
    with pytest.raises(BadInput, match="'A'"):
        predictor.predict([{"A": 1, "b": 2, "c": 3, "d": 4}])


def test_requests_do_not_share_a_preprocessor_of_unknown_kind(keras_saved_model, tmp_path):
    doubled = pickle.dumps(functools.partial(np.multiply, 2.0))
    folder = copied(keras_saved_model, tmp_path / "model", preprocessor__pkl=doubled)
    assert not TfSavedModel.from_path(folder, settings=NUMPY).batchable


def test_preprocessor_that_drops_instances_is_refused(half_plus_two, tmp_path):
    first = pickle.dumps(functools.partial(np.take, indices=[0], axis=0))
    folder = copied(half_plus_two, tmp_path / "model", preprocessor__pkl=first)
    predictor = TfSavedModel.from_path(folder, settings=NUMPY)
    with pytest.raises(PredictionFailed, match="did not make one value of each of the 2 instances"):
        predictor.predict([[1.0], [2.0]])


@pytest.fixture(scope="module")
def keras_saved_model(keras_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras") / "exported"
    keras_model.export(folder, verbose=False)
    return folder


def test_exported_keras_model_agrees_with_keras(keras_saved_model, keras_model):
    instances = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)
    predictor = TfSavedModel.from_path(keras_saved_model)
    expected = keras_model(instances, training=False).numpy()
    assert np.allclose(predictor.predict(instances.tolist()), expected, rtol=1e-6)
    assert predictor.batchable


def test_variables_that_a_session_cannot_restore_are_restored(tf, keras_model, tmp_path):
    # TensorFlow Serving fails on what tf.saved_model.save makes of a Keras 3 model.
    tf.saved_model.save(keras_model, str(tmp_path))
    instances = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)
    predictor = TfSavedModel.from_path(tmp_path)
    expected = keras_model(instances, training=False).numpy()
    assert np.allclose(predictor.predict(instances.tolist()), expected, rtol=1e-6)
    with pytest.raises(BadInput, match=r"refuses these instances: Matrix size-incompatible: In\[0"):
        predictor.predict([[1.0]])
    predictor.close()


def test_call_does_not_print_the_numbers_of_its_instances(tf, keras_model, tmp_path):
    def refuse(number):
        raise AssertionError(f"{number} was printed")

    tf.saved_model.save(keras_model, str(tmp_path))
    predictor = TfSavedModel.from_path(tmp_path)
    with np.printoptions(formatter={"all": refuse}):
        assert len(predictor.predict([[5.1, 3.5, 1.4, 0.2]])) == 1


@pytest.mark.parametrize(
    ("fixture", "expected"),
    [
        pytest.param("keras_saved_model", True, id="batch-dimension-everywhere"),
        pytest.param("tf2_model", False, id="one-output-without"),
        pytest.param("counter", False, id="stateful"),
        pytest.param("old_scalar", False, id="scalar-signatures"),
        pytest.param("half_plus_two", False, id="unknown-rank"),
        pytest.param("two_graphs", True, id="vectors"),
    ],
)
def test_requests_share_a_run_only_where_the_shapes_allow_it(request, fixture, expected):
    predictor = TfSavedModel.from_path(request.getfixturevalue(fixture))
    assert predictor.batchable is expected


def test_sparse_inputs_are_refused_when_called(tf, tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        sparse = v1.sparse_placeholder(tf.float32, name="s")
        total = tf.sparse.reduce_sum(sparse, 1, name="total")
        signature = v1.saved_model.build_signature_def(
            {"s": v1.saved_model.build_tensor_info(sparse)},
            {"total": v1.saved_model.build_tensor_info(total)},
            "tensorflow/serving/predict",
        )
        builder = v1.saved_model.Builder(str(tmp_path / "sparse"))
        builder.add_meta_graph_and_variables(session, ["serve"], {"sum": signature})
        builder.save()
    predictor = TfSavedModel.from_path(tmp_path / "sparse")
    with pytest.raises(BadInput, match="Input s holds sparse or composite values"):
        predictor.predict([[1.0]])


def test_output_that_is_an_input_is_passed_through(tf, tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None], "x")
        signature = v1.saved_model.predict_signature_def({"x": x}, {"x": x, "y": x + 1, "z": x})
        builder = v1.saved_model.Builder(str(tmp_path / "echo"))
        builder.add_meta_graph_and_variables(session, ["serve"], {"echo": signature})
        builder.save()
    predictor = TfSavedModel.from_path(tmp_path / "echo")
    assert predictor.predict([1.0]) == [{"x": 1.0, "y": 2.0, "z": 1.0}]


def test_damaged_file_is_named(half_plus_two, tmp_path):
    folder = copied(half_plus_two, tmp_path / "model", saved_model__pb=b"\xff\xffnot a model")
    with pytest.raises(LoadError, match=r"saved_model\.pb is not a SavedModel, or is damaged"):
        TfSavedModel.from_path(folder)


def test_a_function_that_calls_itself_is_refused(tf2_model, tmp_path):
    """TensorFlow would end the process."""
    folder = copied(tf2_model, tmp_path / "model")
    model = read_saved_model(folder)
    for function in model.meta_graphs[0].graph_def.library.function:
        node = function.node_def.add(name="again", op="PartitionedCall")
        node.attr["f"].func.name = function.signature.name
    write_saved_model(model, folder)
    with pytest.raises(LoadError, match="has functions that call themselves"):
        TfSavedModel.from_path(folder)


@pytest.mark.parametrize("name", ["gone:0", "NoOp", "../../etc/passwd", "x" * 100_000])
def test_a_signature_of_what_is_no_tensor_is_refused(half_plus_two, tmp_path, name):
    folder = copied(half_plus_two, tmp_path / "model")
    model = read_saved_model(folder)
    signature = model.meta_graphs[0].signature_def["serving_default"]
    next(iter(signature.outputs.values())).name = name
    write_saved_model(model, folder)
    with pytest.raises(LoadError, match=r"^TensorFlow [\d.]+ cannot load .*model: ") as caught:
        TfSavedModel.from_path(folder)
    assert len(caught.value.problem) < 2000
    assert caught.value.hint.startswith("Export the model again")


def test_an_asset_outside_of_the_model_is_refused(half_plus_two, tmp_path):
    folder = copied(half_plus_two, tmp_path / "model")
    model = read_saved_model(folder)
    model.meta_graphs[0].asset_file_def.add(filename="../../secret")
    write_saved_model(model, folder)
    with pytest.raises(LoadError, match=r"names the asset '\.\./\.\./secret', which is not in its"):
        TfSavedModel.from_path(folder)


def test_missing_variables_are_told_without_loading_halfway(half_plus_two, tmp_path):
    folder = copied(half_plus_two, tmp_path / "model")
    shutil.rmtree(folder / "variables")
    with pytest.raises(LoadError, match=r"^TensorFlow [\d.]+ cannot load .*model: "):
        TfSavedModel.from_path(folder)


def test_session_bundle_is_named_as_such(tmp_path):
    for name in ("checkpoint", "export", "export.meta"):
        (tmp_path / name).write_bytes(b"old")
    with pytest.raises(LoadError, match="TensorFlow Session Bundle, the export format before"):
        TfSavedModel.from_path(tmp_path)


def test_says_so_when_tensorflow_no_longer_has_callables(tf, half_plus_two, monkeypatch):
    base = next(c for c in tf.compat.v1.Session.__mro__ if "_make_callable_from_options" in vars(c))
    monkeypatch.delattr(base, "_make_callable_from_options")
    with pytest.raises(EnvironmentProblem, match="no longer has session callables"):
        TfSavedModel.from_path(half_plus_two)


def test_loading_prints_nothing_and_importing_the_module_costs_nothing(half_plus_two):
    code = (
        "import sys\n"
        "from cpr.predictors.tf_saved_model import TfSavedModel\n"
        "assert 'tensorflow' not in sys.modules\n"
        f"assert TfSavedModel.from_path({str(half_plus_two)!r}).predict([2.0]).tolist() == [3.0]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
