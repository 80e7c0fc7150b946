"""Models that are one file: what is said of them, and that damage is named."""

import json
import pickle
import zipfile

import numpy
import pytest

from cpr.errors import LoadError
from cpr.inspecting import inspect_model

ROWS = numpy.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]], dtype=numpy.float32)
CLASSES = [0, 1, 0, 1]


@pytest.fixture(scope="session")
def classifier():
    pytest.importorskip("sklearn", reason="needs the extra cpr[sklearn]")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, CLASSES)


@pytest.fixture(scope="session")
def keras_files(tf, tmp_path_factory):
    keras = tf.keras
    model = keras.Sequential(
        [keras.Input((2,), name="row"), keras.layers.Dense(3, name="hidden"), keras.layers.Dense(1)]
    )
    model.compile("adam", "mse")
    model.fit(ROWS, numpy.array(CLASSES), verbose=0)
    folder = tmp_path_factory.mktemp("keras")
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    (folder / "model.tflite").write_bytes(converter.convert())
    return folder, model, keras.__version__


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_keras_files(keras_files, name):
    folder, model, version = keras_files
    found = inspect_model(folder / name)
    assert (found.kind, found.facts["Keras"], found.facts["model"]) == (
        "keras",
        version,
        "Sequential",
    )
    assert found.is_servable
    hidden = {"layer": "hidden", "class": "Dense", "with": "units 3, activation linear"}
    assert hidden in found.contents["Layers"]
    [signature] = found.graphs[0].signatures
    assert [(item.alias, item.dtype, item.shape) for item in signature.inputs] == [
        ("row", "float32", (None, 2))
    ]
    assert signature.sample == {"instances": [[0.0, 0.0]]}
    weights = [item for item in found.variables if item.role == "weight"]
    assert sorted(item.shape for item in weights) == sorted(
        tuple(weight.shape) for weight in model.weights
    )
    assert sum(item.size for item in weights) == 4 * model.count_params()
    assert any(item.role == "optimizer" for item in found.variables)


def test_code_in_a_keras_file_is_an_error(tf, tmp_path):
    keras = tf.keras
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)]).save(path)
    found = inspect_model(path)
    assert not found.is_servable
    assert found.problems[0].message.startswith("It has a Lambda layer 'lambda")


def test_litert(keras_files, tf):
    folder, _, _ = keras_files
    found = inspect_model(folder / "model.tflite")
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs cpr[litert]")
    interpreter = litert.Interpreter(str(folder / "model.tflite"))
    [runner] = interpreter.get_signature_list().items()
    [signature] = found.graphs[0].signatures
    assert signature.name == runner[0]
    assert [item.alias for item in signature.inputs] == runner[1]["inputs"]
    assert [item.alias for item in signature.outputs] == runner[1]["outputs"]
    [theirs] = interpreter.get_input_details()
    assert [item.shape for item in signature.inputs] == [
        tuple(None if size < 0 else int(size) for size in theirs["shape_signature"])
    ]
    assert found.graphs[0].ops["FULLY_CONNECTED"] == 2
    expected = {tuple(int(n) for n in item["shape"]) for item in interpreter.get_tensor_details()}
    assert {item.shape for item in found.variables} <= expected
    kernels = {item.shape: item.size for item in found.variables}
    assert (kernels[3, 2], kernels[1, 3]) == (24, 12)


@pytest.mark.parametrize("suffix", [".joblib", ".pkl"])
def test_pickles(classifier, tmp_path, suffix):
    import joblib
    import sklearn

    path = tmp_path / f"model{suffix}"
    if suffix == ".joblib":
        joblib.dump(classifier, path, compress=3)
    else:
        path.write_bytes(pickle.dumps(classifier))
    found = inspect_model(path)
    assert (found.kind, found.facts["scikit-learn"]) == ("scikit-learn", sklearn.__version__)
    assert found.facts["compression"] == ("zlib" if suffix == ".joblib" else "none")
    names = ("LogisticRegression", "Pipeline", "StandardScaler")
    assert found.contents["Estimators"] == tuple(
        {"class": name, "scikit-learn": sklearn.__version__} for name in names
    )
    needed = found.contents["Names that loading it needs"]
    assert {"module": "sklearn.pipeline", "name": "Pipeline"} in needed
    assert found.is_servable


def test_a_pickle_that_would_run_code_is_told_without_running_it(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    found = inspect_model(path)
    [warning] = found.problems
    assert warning.message == "It needs names that are not listed: os.system."
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", [".json", ".ubj"])
def test_xgboost(tmp_path, suffix):
    xgboost = pytest.importorskip("xgboost", reason="needs the extra cpr[xgboost]")
    path = tmp_path / f"model{suffix}"
    xgboost.XGBClassifier(n_estimators=7, max_depth=2).fit(ROWS, CLASSES).save_model(path)
    found = inspect_model(path)
    assert found.kind == "xgboost"
    assert found.facts["num_trees"] == "7"
    assert found.facts["objective"] == "binary:logistic"
    [signature] = found.graphs[0].signatures
    assert signature.sample == {"instances": [[0.0, 0.0]]}
    if suffix == ".json":
        assert found.facts["XGBoost"] == xgboost.__version__


def test_onnx(classifier, tmp_path):
    skl2onnx = pytest.importorskip("skl2onnx", reason="it makes the model")
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "model.onnx"
    path.write_bytes(skl2onnx.to_onnx(classifier, ROWS[:1]).SerializeToString())
    found = inspect_model(path)
    theirs = onnx.load(path)
    assert found.facts["IR version"] == theirs.ir_version
    assert found.facts["producer"] == f"{theirs.producer_name} {theirs.producer_version}"
    for opset in theirs.opset_import:
        assert found.facts[f"opset {opset.domain or 'ai.onnx'}"] == opset.version
    [signature] = found.graphs[0].signatures
    assert [(item.alias, item.dtype, item.shape) for item in signature.inputs] == [
        ("X", "float32", (None, 2))
    ]
    assert [item.alias for item in signature.outputs] == [item.name for item in theirs.graph.output]
    assert sum(found.graphs[0].ops.values()) == len(theirs.graph.node)
    assert found.is_servable


def test_weights_of_onnx_beside_the_file(tmp_path):
    onnx = pytest.importorskip("onnx")
    weight = onnx.numpy_helper.from_array(numpy.zeros((40, 50), numpy.float32), "w")
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 40])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 50])
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], [y], [weight]))
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    found = inspect_model(path)
    assert [(item.name, item.shape, item.size) for item in found.variables] == [
        ("w", (40, 50), 8000)
    ]
    assert found.is_servable
    (tmp_path / "w.bin").unlink()
    assert inspect_model(path).problems[0].message == (
        "The weight 'w' lies in w.bin, which is missing."
    )
    path.write_bytes(path.read_bytes().replace(b"w.bin", b"../up"))
    assert "outside of the model's folder" in inspect_model(path).problems[0].message


@pytest.mark.parametrize(
    ("features", "version", "facts"),
    [
        ("9" * 5000, b"[1, 7, 0]", {"num_feature": "9" * 200, "XGBoost": "1.7.0"}),
        ("\u00b2", b"[\xff]", {"num_feature": "\u00b2"}),
    ],
    ids=["long", "no-digits"],
)
def test_an_xgboost_file_may_say_anything(tmp_path, features, version, facts):
    path = tmp_path / "model.json"
    learner = json.dumps({"learner": {"num_feature": features}}, ensure_ascii=False)[:-1]
    path.write_bytes(learner.encode() + b', "version": ' + version + b"}")
    found = inspect_model(path)
    assert found.facts == facts
    assert found.graphs == ()


def test_weights_that_unpack_without_end_are_not_read(tmp_path):
    """200 MB of zeros in 200 kB."""
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", '{"class_name": "Sequential", "config": {"layers": []}}')
        with archive.open("model.weights.h5", "w") as weights:
            for _ in range(200):
                weights.write(bytes(1_000_000))
    [problem] = inspect_model(path).problems
    assert problem.id == "weights-damaged"
    assert "model.weights.h5 is compressed, and has 200,000,000 bytes" in problem.message


@pytest.mark.parametrize("name", ["keras", "h5", "pkl", "json", "ubj", "onnx", "tflite"])
@pytest.mark.parametrize("content", [b"", b"{", b"\x80\x04garbage" * 100, b"TFL3" * 100])
def test_damage_is_named(tmp_path, name, content):
    path = tmp_path / f"model.{name}"
    path.write_bytes(content)
    with pytest.raises(LoadError, match=r"is not a|describes its model") as caught:
        inspect_model(path)
    assert str(path) in caught.value.problem


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.tflite"])
@pytest.mark.parametrize("part", [1, 3, 5, 7])
def test_a_file_that_is_cut_off_never_crashes(keras_files, tmp_path, name, part):
    whole = (keras_files[0] / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * part // 8])
    try:
        found = inspect_model(tmp_path / name)
    except LoadError as error:
        assert "is not a" in error.problem
    else:
        assert json.dumps(found.facts)


def test_says_what_it_takes(tmp_path):
    (tmp_path / "model.txt").write_text("x", encoding="utf-8")
    with pytest.raises(LoadError, match="is a file, and no model by its name"):
        inspect_model(tmp_path / "model.txt")


def test_a_description_that_nests_too_deep_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "[" * 100_000)
    with pytest.raises(LoadError, match="JSON that nests too deep"):
        inspect_model(tmp_path / "model.keras")


def test_the_bytes_of_a_download_are_reported(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(list(range(1000))))
    seen = []
    inspect_model(path.as_uri(), progress=lambda *sizes: seen.append(sizes))
    size = path.stat().st_size
    assert (seen[0], seen[-1]) == ((0, size), (size, size))
    inspect_model(path, progress=lambda *sizes: pytest.fail("nothing is downloaded"))
