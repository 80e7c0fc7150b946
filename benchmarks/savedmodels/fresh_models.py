"""SavedModels made for the occasion, by all the ways in which people make them.

Run as ``python fresh_models.py FOLDER [NAME…]``: each becomes FOLDER/NAME/1.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "compiling"))

from architectures import ARCHITECTURES

from cpr.savedmodel.tensorflow_library import import_tensorflow

tf: Any = import_tensorflow()


def _architecture(name: str) -> Callable[[Path], object]:
    return lambda folder: ARCHITECTURES[name].build(folder)


def _dense(folder: Path) -> None:
    """A Keras model with its optimizer's state, as ``tf.saved_model.save`` writes it."""
    keras = tf.keras
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(64), keras.layers.Dense(3)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    tf.saved_model.save(model, str(folder / "1"))


def _module(folder: Path) -> None:
    """A module with a signature of several inputs, one of scalars, one without inputs."""

    class Several(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = tf.Variable(tf.random.stateless_normal((32, 8), [1, 2]), name="weights")
            self.steps = tf.Variable(7, dtype=tf.int64, name="steps")

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, 32], tf.float32, "x"),
                tf.TensorSpec([None], tf.int64, "rows"),
            ]
        )
        def mix(self, x: Any, rows: Any) -> Any:
            scores = tf.matmul(x, self.weights) + tf.cast(rows[:, None], tf.float32)
            return {"scores": scores, "best": tf.argmax(scores, axis=1)}

        @tf.function(input_signature=[tf.TensorSpec([], tf.float64, "x")])
        def square(self, x: Any) -> Any:
            return {"y": x * x}

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string, "words")])
        def shout(self, words: Any) -> Any:
            return {"loud": tf.strings.upper(words), "raw_bytes": words}

        @tf.function(input_signature=[])
        def age(self) -> Any:
            return {"steps": self.steps}

    model = Several()
    signatures = {"serving_default": model.mix, "square": model.square}
    signatures |= {"shout": model.shout, "age": model.age}
    tf.saved_model.save(model, str(folder / "1"), signatures)


def _tables(folder: Path) -> None:
    """A graph of TensorFlow 1 with a vocabulary in a file, and one in the graph."""
    v1 = tf.compat.v1
    words = folder / "words.txt"
    words.write_text("red\ngreen\nblue\n", encoding="utf-8")
    with tf.Graph().as_default(), v1.Session() as session:
        path = v1.constant(str(words), name="vocabulary")
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, path)
        lookup = tf.lookup
        lines = lookup.TextFileInitializer(
            *(path, tf.string, lookup.TextFileIndex.WHOLE_LINE),
            *(tf.int64, lookup.TextFileIndex.LINE_NUMBER),
        )
        table = lookup.StaticVocabularyTable(lines, num_oov_buckets=2)
        names = v1.constant(["low", "middle", "high"])
        labels = lookup.StaticHashTable(
            lookup.KeyValueTensorInitializer(tf.range(3, dtype=tf.int64), names), "none"
        )
        colour = v1.placeholder(tf.string, [None], "colour")
        start = tf.random.stateless_normal((5, 64), [3, 4])
        embedding = v1.get_variable("embedding", initializer=start, use_resource=False)
        hidden = tf.nn.relu(tf.gather(embedding, table.lookup(colour)))
        last = tf.random.stateless_normal((64, 3), [5, 6])
        scores = tf.matmul(hidden, v1.get_variable("last", initializer=last), name="scores")
        label = labels.lookup(tf.argmax(scores, axis=1))
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        signature = v1.saved_model.predict_signature_def(
            {"colour": colour}, {"scores": scores, "label": label}
        )
        builder = v1.saved_model.Builder(str(folder / "1"))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": signature},
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=v1.tables_initializer(),
        )
        builder.save()


def _examples(folder: Path) -> None:
    """A module that takes serialized ``tf.Example``, of fixed and varying features."""
    features = {
        "size": tf.io.FixedLenFeature([4], tf.float32, default_value=[0.0] * 4),
        "colour": tf.io.FixedLenFeature([], tf.string, default_value=""),
        "tags": tf.io.VarLenFeature(tf.int64),
    }

    class Parsed(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = tf.Variable(tf.random.stateless_normal((4, 3), [7, 8]), name="weights")

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
        def score(self, examples: Any) -> Any:
            found = tf.io.parse_example(examples, features)
            many = tf.reduce_sum(tf.sparse.to_dense(found["tags"]), axis=1, keepdims=True)
            scores = tf.matmul(found["size"], self.weights) + tf.cast(many, tf.float32)
            return {"scores": scores, "length": tf.strings.length(found["colour"])}

    model = Parsed()
    tf.saved_model.save(model, str(folder / "1"), {"serving_default": model.score})


MODELS: dict[str, Callable[[Path], object]] = {
    "keras-cnn": _architecture("cnn"),
    "keras-transformer": _architecture("transformer"),
    "keras-text": _architecture("text"),
    "keras-trained": _dense,
    "module-signatures": _module,
    "tf1-tables": _tables,
    "examples": _examples,
}


def main(folder: Path, names: list[str]) -> None:
    """Make the named models, or all, but for those that are there."""
    for name in names or MODELS:
        if (folder / name / "1").is_dir():
            continue
        making = folder / f".{name}"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        MODELS[name](making)
        making.rename(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
