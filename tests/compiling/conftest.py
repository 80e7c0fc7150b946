"""Small models to compile, each built once a session; tests compile copies of them."""

import importlib
import json
import shutil
import warnings

import joblib
import numpy as np
import pytest

from cpr.compiling import CompileTerms, compile_model, judging, steps
from cpr.isolated.channel import Message
from cpr.isolated.errors_json import error_from_json, error_to_json
from cpr.savedmodel.tensorflow_library import import_tensorflow


class Here:
    """Answers as a `ChildProcess` does, in this process, which has the libraries loaded."""

    is_alive = True

    def __init__(self, entry, **_):
        self._operations = importlib.import_module(entry).operations()

    def ask(self, question, **_):
        message = Message(json.loads(json.dumps(question)))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._operations[message.header["do"]](message)
        except Exception as error:
            raise error_from_json(error_to_json(error)) from error

    def end(self):
        self._operations = {}


@pytest.fixture(scope="session")
def tf():
    pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")
    return import_tensorflow()


@pytest.fixture(scope="session")
def table():
    generator = np.random.default_rng(3)
    rows = generator.normal(size=(300, 4))
    return rows, (rows[:, 0] > 0).astype(int) + (rows[:, 1] > 0.5)


@pytest.fixture(scope="session")
def compiled_apart(tmp_path_factory):
    """Compiles a copy of a model directory as the command does; returns it and the report."""

    def compile_copy(folder, **terms):
        copy = tmp_path_factory.mktemp("compiled") / "model"
        shutil.copytree(folder, copy)
        return copy, compile_model(copy, terms=CompileTerms(**{"batch_sizes": (1, 8), **terms}))

    return compile_copy


@pytest.fixture(scope="session")
def compiled(compiled_apart):
    """The same without processes of its own, which would each load the libraries again."""

    def compile_copy(folder, **terms):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(steps, "ChildProcess", Here)
            return compiled_apart(folder, **terms)

    return compile_copy


@pytest.fixture(scope="session")
def compiled_untimed(compiled):
    """The same by a clock that finds every candidate twice as fast: only its answers count."""

    def compile_copy(folder, **terms):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                judging,
                "time_in_turns",
                lambda calls: {name: 1.0 + (name == judging.ORIGINAL) for name in calls},
            )
            return compiled(folder, **terms)

    return compile_copy


@pytest.fixture(scope="session")
def saved_estimator(tmp_path_factory):
    def save(estimator):
        folder = tmp_path_factory.mktemp("estimator")
        joblib.dump(estimator, folder / "model.joblib")
        return folder

    return save


@pytest.fixture(scope="session")
def saved_module(tf, tmp_path_factory):
    """Saves functions of one module as the signatures of a SavedModel."""

    def save(module, signatures):
        folder = tmp_path_factory.mktemp("saved") / "model"
        tf.saved_model.save(module, str(folder), signatures=signatures)
        return folder

    return save


@pytest.fixture(scope="session")
def network(tf, saved_module):
    """A small network with two signatures that compute the same, and one that does not."""
    generator = np.random.default_rng(0)
    module = tf.Module()
    module.first = tf.Variable(generator.normal(size=(5, 8)).astype(np.float32))
    module.second = tf.Variable(generator.normal(size=(8, 3)).astype(np.float32))
    spec = tf.TensorSpec([None, 5], tf.float32, "x")

    def hidden(x):
        return tf.nn.relu(x @ module.first)

    score = tf.function(lambda x: {"scores": tf.nn.softmax(hidden(x) @ module.second)})
    return saved_module(
        module,
        {
            "serving_default": score.get_concrete_function(spec),
            "again": score.get_concrete_function(spec),
            "hidden": tf.function(lambda x: {"h": hidden(x)}).get_concrete_function(spec),
        },
    )


@pytest.fixture(scope="session")
def half_convertible(tf, saved_module):
    """A network, and beside it a signature of text operations, which no runtime has.

    Which of them is the default one is for the caller to say.
    """
    generator = np.random.default_rng(0)
    module = tf.Module()
    module.weights = tf.Variable(generator.normal(size=(5, 3)).astype(np.float32))
    score = tf.function(lambda x: {"scores": tf.nn.softmax(x @ module.weights)})
    lower = tf.function(lambda text: {"lower": tf.strings.lower(text)})
    numbers = score.get_concrete_function(tf.TensorSpec([None, 5], tf.float32, "x"))
    texts = lower.get_concrete_function(tf.TensorSpec([None], tf.string, "text"))

    def save(**names):
        parts = {"numbers": numbers, "texts": texts}
        return saved_module(module, {name: parts[part] for name, part in names.items()})

    return save


@pytest.fixture(scope="session")
def compiled_network(network, compiled_apart):
    return compiled_apart(network)
