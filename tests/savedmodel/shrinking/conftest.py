"""Models with weights that are large enough to pack."""

import importlib
import json

import numpy as np
import pytest

from cpr.errors import EnvironmentProblem
from cpr.savedmodel.shrinking import asking, steps

WORDS = [f"word{number}" for number in range(120)]


@pytest.fixture(scope="module", autouse=True)
def in_this_process(tmp_path_factory):
    """What runs TensorFlow runs here, where it is loaded; the command's own tests start it anew."""

    def run_child(module, task):
        folder = tmp_path_factory.mktemp("task")
        given, made = folder / "task.json", folder / "made.json"
        given.write_text(json.dumps(task), encoding="utf-8")
        try:
            importlib.import_module(module).main(given, made)
        except Exception as error:
            raise EnvironmentProblem(f"{type(error).__name__}: {error}") from error
        return json.loads(made.read_text(encoding="utf-8"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "run_child", run_child)
        patch.setattr(steps, "run_child", run_child)
        yield


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory):
    path = tmp_path_factory.mktemp("words") / "words.txt"
    path.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return path


def _word_table(tf, vocabulary):
    """A table from a word to the number of its line, with four numbers for all others."""
    lines = tf.lookup.TextFileInitializer(
        str(vocabulary), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER,
    )  # fmt: skip
    return tf.lookup.StaticVocabularyTable(lines, 4)


@pytest.fixture(scope="session")
def modern(tf, vocabulary, tmp_path_factory):
    """Of TensorFlow 2: a table, a loop, int64 weights, and two signatures."""

    class Modern(tf.Module):
        def __init__(self):
            super().__init__()
            generator = np.random.default_rng(1)
            self.embedding = tf.Variable(generator.normal(size=(124, 32)), dtype=tf.float32)
            self.square = tf.Variable(generator.normal(size=(32, 32)) / 8, dtype=tf.float32)
            self.ranks = tf.Variable(np.arange(2000)[::-1].copy(), dtype=tf.int64)
            self.table = _word_table(tf, vocabulary)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "words")])
        def rank(self, words):
            return {"rank": tf.gather(self.ranks, self.table.lookup(words))}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "words")])
        def score(self, words):
            state = tf.gather(self.embedding, self.table.lookup(words))
            for _ in tf.range(3):
                state = tf.tanh(tf.matmul(state, self.square))
            return {"score": state}

    model = Modern()
    folder = tmp_path_factory.mktemp("modern") / "1"
    signatures = {"serving_default": model.score, "rank": model.rank}
    tf.saved_model.save(model, str(folder), signatures=signatures)
    return folder


@pytest.fixture(scope="session")
def old(tf, vocabulary, tmp_path_factory):
    """Of TensorFlow 1: a table, a partitioned, a reference and a resource variable."""
    v1 = tf.compat.v1
    folder = tmp_path_factory.mktemp("old") / "1"
    with tf.Graph().as_default(), v1.Session() as session:
        words = v1.placeholder(tf.string, [None], "words")
        table = _word_table(tf, vocabulary)
        v1.set_random_seed(3)
        embedding = v1.get_variable("embedding", (124, 64), use_resource=False)
        kernel = v1.get_variable("kernel", (64, 64), use_resource=True)
        halves = v1.fixed_size_partitioner(2)
        parts = v1.get_variable("parts", (64, 64), partitioner=halves, use_resource=False)
        single = v1.get_variable("single", (64, 64), partitioner=v1.fixed_size_partitioner(1))
        state = tf.nn.embedding_lookup(embedding, table.lookup(words))
        state = tf.matmul(tf.matmul(state, kernel), tf.convert_to_tensor(single))
        score = tf.matmul(tf.tanh(state), tf.convert_to_tensor(parts))
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        v1.saved_model.simple_save(
            session, str(folder), {"words": words}, {"score": score},
            legacy_init_op=v1.tables_initializer(),
        )  # fmt: skip
    return folder
