"""Models, routines and real servers for the tests with real clients."""

import pickle
import sys
import textwrap
from pathlib import Path

import pytest

ROBUSTNESS = Path(__file__).resolve().parents[2] / "benchmarks" / "robustness"
if str(ROBUSTNESS) not in sys.path:
    sys.path.append(str(ROBUSTNESS))

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.0, 3.0, 5.0, 1.8], [6.8, 2.8, 4.8, 1.4]]
ALL_VERSIONS = {"CPR_SERVE_VERSIONS": "all"}

# As the guides of AI Platform had it.
FLOWERS = """
    import os
    import pickle

    class MyPredictor:
        def __init__(self, model):
            self._model = model

        def predict(self, instances, **kwargs):
            if kwargs.get("probabilities"):
                return self._model.predict_proba(instances).round(3).tolist()
            return self._model.predict(instances).tolist()

        @classmethod
        def from_path(cls, model_dir):
            with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
                return cls(pickle.load(file))
"""


@pytest.fixture(scope="session")
def iris(tmp_path_factory):
    """Two versions of a model of iris; what is class 0 for the first is 10 for the second."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path_factory.mktemp("iris")
    features, classes = load_iris(return_X_y=True)
    for version in (1, 2):
        model = LogisticRegression(max_iter=500).fit(features, classes + 10 * (version - 1))
        (folder / str(version)).mkdir()
        (folder / str(version) / "model.pkl").write_bytes(pickle.dumps(model))
    return folder


@pytest.fixture(scope="session")
def flowers(tmp_path_factory):
    """A project directory with the class of the old guides."""
    folder = tmp_path_factory.mktemp("flowers")
    (folder / "predictor.py").write_text(textwrap.dedent(FLOWERS))
    return folder


@pytest.fixture(scope="module")
def serve():
    """Start `cpr serve` with the given arguments; its processes end with the module."""
    from running_server import RunningServer

    started = []

    def start(*arguments, **options):
        started.append(RunningServer(*map(str, arguments), **options))
        return started[-1]

    yield start
    for server in started:
        server.__exit__(None, None, None)


@pytest.fixture(scope="module")
def server(serve, flowers, iris):
    """The routine as model `iris`, versions 1 and 2, of which 2 is the default."""
    return serve(flowers, "--model-dir", iris, "--model-name", "iris", env=ALL_VERSIONS)
