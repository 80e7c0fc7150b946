"""Models to explain, opened as routines, and what is asked of them."""

import json
import pickle
from itertools import permutations

import numpy as np
import pytest

from cpr.explaining.explainer import Explainer
from cpr.messages import Call
from cpr.savedmodel.tensorflow_library import import_tensorflow
from cpr.serving import open_routine


@pytest.fixture
def explainer_of():
    """Opens a routine to explain; closed at the end of the test."""
    opened = []

    def make(model_dir=None, *, target=None, **options):
        routine = open_routine(target, None if model_dir is None else str(model_dir), **options)
        opened.append(routine)
        return Explainer(routine)

    yield make
    for routine in opened:
        routine.close()


@pytest.fixture
def ask():
    """Has an explainer answer a request; the status and the document."""

    def ask(explainer, dialect="aiplatform", **body):
        reply = explainer.answer(Call(json.dumps(body).encode(), dialect))
        return reply.status, json.loads(reply.body)

    return ask


@pytest.fixture
def labels_of(ask):
    """The attributions by label of the first instance of a request that is answered."""

    def labels_of(explainer, **body):
        status, document = ask(explainer, **body)
        assert status == 200, document
        return document["explanations"][0]["attributions_by_label"]

    return labels_of


@pytest.fixture(scope="session")
def exactly():
    """Shapley values by their definition: the mean gain over every order of the features."""

    def exactly(score, instance, baseline):
        size = len(instance)
        gains = np.zeros(size)
        orders = list(permutations(range(size)))
        for order in orders:
            row = list(baseline)
            before = score(row)
            for feature in order:
                row[feature] = instance[feature]
                after = score(row)
                gains[feature] += after - before
                before = after
        return gains / len(orders)

    return exactly


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Pickles an estimator into a model directory of its own."""

    def save(estimator):
        folder = tmp_path_factory.mktemp("estimator")
        (folder / "model.pkl").write_bytes(pickle.dumps(estimator))
        return folder

    return save


@pytest.fixture(scope="session")
def tables():
    """Rows of five features, a number that depends on them, and one of three classes."""
    pytest.importorskip("sklearn", reason="needs the extra cpr[sklearn]")
    rows = np.random.default_rng(7).normal(size=(200, 5)).round(3)
    numbers = 3 * rows[:, 0] - 2 * rows[:, 1] * rows[:, 2] + np.abs(rows[:, 3])
    classes = np.digitize(numbers, [-1, 1])
    return rows, numbers, classes


@pytest.fixture(scope="session")
def forest(saved, tables):
    """A random forest that predicts numbers."""
    from sklearn.ensemble import RandomForestRegressor

    rows, numbers, _ = tables
    return saved(RandomForestRegressor(10, random_state=1).fit(rows, numbers))


@pytest.fixture(scope="session")
def classifier(saved, tables):
    """A classifier of three classes with names."""
    from sklearn.linear_model import LogisticRegression

    rows, _, classes = tables
    names = np.array(["low", "middle", "high"])[classes]
    return saved(LogisticRegression(max_iter=500).fit(rows, names))


@pytest.fixture(scope="session")
def routine_file(tmp_path_factory):
    """Writes a predictor class named Routine into a file; its target."""

    def write(predict, head=""):
        folder = tmp_path_factory.mktemp("routine")
        lines = "\n".join(f"        {line}" for line in predict.strip().splitlines())
        source = f"""{head}

class Routine:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
{lines}
"""
        (folder / "routine.py").write_text(source)
        return f"{folder / 'routine.py'}:Routine"

    return write


@pytest.fixture(scope="session")
def tf():
    pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")
    return import_tensorflow()


@pytest.fixture(scope="session")
def saved_function(tf, tmp_path_factory):
    """Saves a function of tensors as a SavedModel; its model directory."""

    def save(function, **specs):
        module = tf.Module()
        given = [tf.TensorSpec(shape, dtype, name=n) for n, (shape, dtype) in specs.items()]
        module.call = tf.function(function, input_signature=given)
        folder = tmp_path_factory.mktemp("function") / "1"
        tf.saved_model.save(module, str(folder), signatures={"serving_default": module.call})
        return folder.parent

    return save
