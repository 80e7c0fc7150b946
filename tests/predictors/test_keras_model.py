import base64
import json
import sys
import zipfile

import numpy as np
import pytest

from cpr.artifacts.keras_file import read_config
from cpr.errors import BadInput, EnvironmentProblem, LoadError
from cpr.predictors.keras_model import KerasModel

INSTANCES = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [0.0, 0.0, 0.0, 0.0]]


@pytest.fixture(scope="module")
def keras(tf):
    import keras

    return keras


@pytest.fixture(scope="module")
def saved(keras_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras")
    keras_model.save(folder / "model.keras")
    return folder


@pytest.fixture(scope="module")
def predictor(saved):
    return KerasModel.from_path(saved)


@pytest.mark.parametrize("name", ["model.keras", "iris.keras", "model.h5", "iris.h5"])
def test_agrees_with_keras(keras_model, tmp_path, name):
    keras_model.save(tmp_path / name)
    predictions = KerasModel.from_path(tmp_path).predict(INSTANCES)
    expected = keras_model(np.float32(INSTANCES), training=False).numpy()
    assert np.allclose(predictions, expected, rtol=1e-6)
    assert predictions.dtype == np.float32


def test_a_model_of_images_is_answered_by_its_own_names(keras, tmp_path):
    layers = [keras.Input((6, 6, 1), name="picture"), keras.layers.Conv2D(2, 3)]
    model = keras.Sequential(layers)
    model.save(tmp_path / "model.keras")
    images = np.ones((2, 6, 6, 1), np.float32)
    predictions = KerasModel.from_path(tmp_path).predict(images.tolist())
    assert np.allclose(predictions, model(images).numpy(), rtol=1e-6)


def test_leaves_nothing_behind(saved, predictor):
    assert [path.name for path in saved.iterdir()] == ["model.keras"]
    assert predictor.predict(INSTANCES[:1]).shape == (1, 3)


def test_declares_its_inputs_by_name(predictor):
    spec = predictor.signatures["serving_default"].inputs["sizes"]
    assert (spec.dtype, spec.sizes) == ("float32", "[any, 4]")
    assert predictor.batchable
    assert not predictor.decodes_b64


def test_other_shapes_are_refused_with_the_declared_one(predictor):
    with pytest.raises(BadInput) as caught:
        predictor.predict([[1.0, 2.0]])
    assert caught.value.problem == "Input sizes has the shape [1, 2]; the model takes [any, 4]."


def test_labels_name_the_class(keras_model, predictor, tmp_path):
    keras_model.save(tmp_path / "model.keras")
    (tmp_path / "classes.json").write_text(json.dumps(["a", "b", "c"]))
    labelled = KerasModel.from_path(tmp_path)
    scores = predictor.predict(INSTANCES)
    assert labelled.predict(INSTANCES) == ["abc"[i] for i in scores.argmax(1)]
    assert np.array_equal(labelled.predict(INSTANCES, probabilities=True), scores)


def test_several_inputs_and_outputs_go_by_name(keras, tmp_path):
    sizes, kind = keras.Input((2,), name="sizes"), keras.Input((1,), name="kind", dtype="int32")
    total = keras.layers.Dense(1, kernel_initializer="ones", name="total")(sizes)
    model = keras.Model({"kind": kind, "sizes": sizes}, {"total": total, "kind_again": kind + 1})
    model.save(tmp_path / "model.keras")
    predictor = KerasModel.from_path(tmp_path)
    predictions = predictor.predict(
        [{"sizes": [1, 2], "kind": [3]}, {"kind": [4], "sizes": [5, 6]}]
    )
    assert predictions == [
        {"total": [3.0], "kind_again": [4]},
        {"total": [11.0], "kind_again": [5]},
    ]
    with pytest.raises(BadInput, match="Input kind was missing"):
        predictor.predict([{"sizes": [1, 2]}])


def test_missing_last_axis_of_one_is_added(keras, tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Rescaling(2.0)])
    model.save(tmp_path / "model.keras")
    assert KerasModel.from_path(tmp_path).predict([1.0, 2.0]).tolist() == [[2.0], [4.0]]


def test_text_model_keeps_its_vocabulary(keras, tmp_path):
    word = keras.Input((), dtype="string", name="word")
    model = keras.Model(word, keras.layers.StringLookup(vocabulary=["cat", "dog"])(word))
    model.save(tmp_path / "model.keras")
    predictor = KerasModel.from_path(tmp_path)
    assert predictor.predict(["dog", "cow", "cat"]).tolist() == [2, 0, 1]
    assert predictor.decodes_b64


def test_model_built_by_calling_it_takes_any_batch(keras, tmp_path):
    model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="ones")])
    model(np.ones((1, 3), np.float32))
    model.save(tmp_path / "model.keras")
    assert KerasModel.from_path(tmp_path).predict([[1, 2, 3], [4, 5, 6]]).tolist() == [[6], [15]]


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.filterwarnings("ignore:.*Lambda.*:UserWarning")
def test_python_code_in_the_file_is_not_run(keras, tmp_path, name):
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2, name="twice")]
    )
    model.save(tmp_path / name)
    with pytest.raises(LoadError, match=f"{name} has a Lambda layer 'twice'.*which is not run"):
        KerasModel.from_path(tmp_path)


def test_marshalled_code_of_old_keras_is_found(tmp_path):
    code = base64.b64encode(b"\xe3code").decode()
    layer = {"class_name": "Lambda", "config": {"name": "old", "function": [code, None, None]}}
    config = {"class_name": "Sequential", "config": {"layers": [{"x": [layer]}]}}
    write_archive(tmp_path / "model.keras", "3.0.0", config)
    with pytest.raises(LoadError, match="has a Lambda layer 'old'"):
        KerasModel.from_path(tmp_path)


def test_class_that_is_not_at_hand_is_named(keras, tmp_path):
    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    keras.Sequential([keras.Input((2,)), Own()]).save(tmp_path / "model.keras")
    with pytest.raises(
        LoadError, match="needs the class 'Own', which Keras does not have"
    ) as caught:
        KerasModel.from_path(tmp_path)
    assert caught.value.hint.startswith("Write a predictor class that imports it")


def test_archive_of_tf_keras_asks_for_tf_keras(tf, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf_keras", None)
    write_archive(tmp_path / "model.keras", "2.15.0", {"class_name": "Sequential", "config": {}})
    with pytest.raises(EnvironmentProblem, match=r"was written by tf\.keras 2\.15\.0") as caught:
        KerasModel.from_path(tmp_path)
    assert caught.value.hint.startswith("pip install tf_keras")


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_files_of_keras_2_are_read(tf, tmp_path, name):
    tf_keras = pytest.importorskip("tf_keras", reason="make setup installs it")
    layers = [tf_keras.layers.BatchNormalization(), tf_keras.layers.Dense(2, "softmax")]
    model = tf_keras.Sequential([tf_keras.Input((3,)), *layers])
    model.save(str(tmp_path / name))
    predictor = KerasModel.from_path(tmp_path)
    rows = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    np.testing.assert_allclose(predictor.predict(rows), model(np.array(rows)), rtol=1e-5)
    predictor.close()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.keras", b"PK not a zip", "is not a Keras archive, or is damaged"),
        ("model.h5", b"not hdf5", "is not an HDF5 file, or is damaged"),
    ],
    ids=["archive", "hdf5"],
)
def test_damaged_file_is_named(tf, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LoadError, match=f"{name} {message}"):
        KerasModel.from_path(tmp_path)


def test_an_archive_that_unpacks_to_more_than_a_description_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", b" " * (65 << 20))
    assert (tmp_path / "model.keras").stat().st_size < 100_000
    with pytest.raises(LoadError, match=r"config\.json unpacks to 68,157,440 bytes; at most"):
        KerasModel.from_path(tmp_path)


def test_an_archive_with_a_large_description_is_read(tmp_path):
    """As Keras stores it, with the numbers of pretrained embeddings in it."""
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.12.0"}')
        archive.writestr("config.json", b'"%s"' % (b"0" * (65 << 20)))
    version, config = read_config(tmp_path / "model.keras")
    assert (version, len(config)) == ("3.12.0", 65 << 20)


def test_a_damaged_file_of_keras_3_is_told_of_by_keras_3(keras_model, tmp_path):
    pytest.importorskip("tf_keras")
    h5py = pytest.importorskip("h5py")
    keras_model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        del file["model_weights"]
    with pytest.raises(LoadError, match=r"^Keras 3\.\d+\.\d+ cannot load"):
        KerasModel.from_path(tmp_path)


def test_weights_alone_are_not_a_model(keras_model, tmp_path):
    keras_model.save_weights(tmp_path / "only.weights.h5")
    (tmp_path / "only.weights.h5").rename(tmp_path / "model.h5")
    with pytest.raises(LoadError, match="holds weights without their model"):
        KerasModel.from_path(tmp_path)


def write_archive(path, version, config):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("config.json", json.dumps(config))
