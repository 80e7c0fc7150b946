"""Small models to export, built once."""

import pytest


@pytest.fixture(scope="session")
def keras(tf):
    return pytest.importorskip("keras", reason="needs the extra cpr[tensorflow]")


@pytest.fixture(scope="session")
def mlp(keras):
    """A compiled and trained Keras 3 model: it has an optimizer's state to leave behind."""
    import numpy as np

    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            keras.layers.Input((4,), name="flower"),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3, activation="softmax"),
        ],
        name="iris",
    )
    model.compile("adam", "mse")
    model.fit(np.ones((8, 4)), np.ones((8, 3)), verbose=0)
    return model


@pytest.fixture(scope="session")
def two_heads(keras):
    """A Keras model of two inputs and two outputs."""
    keras.utils.set_random_seed(8)
    age = keras.Input((1,), name="age")
    code = keras.Input((), dtype="int32", name="code")
    x = keras.layers.Concatenate()([age, keras.layers.Embedding(2, 3)(code)])
    price = keras.layers.Dense(1, name="price")(x)
    risk = keras.layers.Dense(2, activation="softmax", name="risk")(x)
    return keras.Model([age, code], {"price": price, "risk": risk}, name="offers")


@pytest.fixture
def words(tf, tmp_path):
    """A tf.Module with a vocabulary, a variable that is used and one that is not."""
    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("good\nbad\n", encoding="utf-8")

    class Words(tf.Module):
        def __init__(self):
            super().__init__()
            index = tf.lookup.TextFileIndex
            lines = tf.lookup.TextFileInitializer(
                str(vocabulary), tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
            )
            self.table = tf.lookup.StaticHashTable(lines, -1)
            self.scores = tf.Variable([0.0, 1.0, -1.0])
            self.left_over = tf.Variable(tf.zeros([1000]))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def serve(self, word):
            return {"score": tf.gather(self.scores, self.table.lookup(word) + 1)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def number(self, word):
            return self.table.lookup(word)

    return Words()
