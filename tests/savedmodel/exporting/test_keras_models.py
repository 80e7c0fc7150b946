"""Keras models of many shapes: each answers as it did, from both loaders, with its weights once."""

import numpy as np
import pytest

from cpr.errors import LoadError, UsageError
from cpr.savedmodel import export
from cpr.savedmodel.bundle import read_index


def cnn(keras):
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.RandomFlip()(keras.layers.Rescaling(1 / 255.0)(image))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(x))
    return keras.Model(image, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)))


def transformer(keras):
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = keras.layers.Embedding(60, 8)(tokens)
    x = keras.layers.LayerNormalization()(x + keras.layers.MultiHeadAttention(2, 4)(x, x))
    return keras.Model(tokens, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling1D()(x)))


def text(keras):
    words = keras.layers.TextVectorization(output_sequence_length=4, name="words")
    words.adapt(["a good day", "a bad night"])
    review = keras.Input((), dtype="string", name="review")
    x = keras.layers.Flatten()(keras.layers.Embedding(10, 4)(words(review)))
    return keras.Model(review, keras.layers.Dense(1)(x))


def columns(keras):
    city = keras.Input((1,), dtype="string", name="city")
    rooms = keras.Input((1,), name="rooms")
    place = keras.layers.StringLookup(vocabulary=["x", "y"], output_mode="one_hot")(city)
    size = keras.layers.Normalization(mean=3.0, variance=4.0)(rooms)
    joined = keras.layers.Concatenate()([place, size])
    return keras.Model({"city": city, "rooms": rooms}, keras.layers.Dense(2)(joined))


def recurrent(keras):
    layers = [keras.layers.Bidirectional(keras.layers.LSTM(2)), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input((5, 3)), *layers])


def mixed_precision(keras):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, dtype="mixed_float16")])


def built_by_a_call(keras):
    model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(2)])
    model(np.ones((3, 7), np.float32))
    return model


KINDS = [cnn, transformer, text, columns, recurrent, mixed_precision, built_by_a_call]


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_answers_as_it_did_from_both_loaders(tf, keras, tmp_path, make):
    model = make(keras)
    exported = export(model, tmp_path)
    [signature] = exported.signatures
    assert signature.proof.instances == 9
    assert signature.proof.deviation <= (1e-3 if make is mixed_precision else 1e-6)
    assert not signature.proof.remark
    assert all(spec.partition("[")[2].startswith("any") for spec in signature.inputs.values())
    entries = read_index(exported.path / "variables" / "variables.index")
    written = sum(e.size for name, e in entries.items() if name != "_CHECKPOINTABLE_OBJECT_GRAPH")
    assert written <= sum(int(np.prod(v.shape)) * 8 for v in model.variables)
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        v1.saved_model.load(session, ["serve"], str(exported.path))


def test_a_model_of_tf_keras_answers_as_it_did(tf, tmp_path):
    tf_keras = pytest.importorskip("tf_keras", reason="needs tf_keras")
    model = tf_keras.Sequential([tf_keras.layers.Input((4,)), tf_keras.layers.Dense(3)])
    exported = export(model, tmp_path)
    assert exported.signatures[0].proof.deviation == 0.0


def test_state_for_a_fixed_batch_is_refused(keras, tmp_path):
    layers = [keras.layers.LSTM(2, stateful=True), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((5, 3), batch_size=2), *layers])
    with pytest.raises(UsageError, match="the model keeps state for 2 instances"):
        export(model, tmp_path)


def test_a_subclass_is_told_its_inputs(tf, keras, tmp_path):
    class Twice(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, row):
            return {"scores": self.dense(row)}

    with pytest.raises(LoadError, match="does not say what its inputs are"):
        export(Twice(), tmp_path)
    exported = export(Twice(), tmp_path, inputs={"row": tf.TensorSpec([None, 2], tf.float32)})
    assert exported.signatures[0].outputs == {"scores": "float32 [any, 3]"}
    assert exported.signatures[0].proof.deviation == 0.0
