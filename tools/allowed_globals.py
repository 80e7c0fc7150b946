"""Measures which names scikit-learn's pickles need, and records those that were reviewed.

    python tools/allowed_globals.py            # what the installed version needs beyond the list
    python tools/allowed_globals.py --accept   # add that to cpr/artifacts/_measured_globals.py

Every estimator that ``all_estimators`` gives, with its losses, kernels,
metrics and score functions, is fitted, pickled by protocols 2 and 5, and read
again. The list only grows, for pickles of older versions stay in use; it was
made with scikit-learn 1.3, 1.5, 1.7 and 1.9. Look at what is new before you
accept it: a name may be on the list only if calling it with any arguments,
and setting any state on what it returns, runs no code that the arguments
choose and reads or writes no file.
"""

from __future__ import annotations

import argparse
import importlib
import io
import pickle
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "cpr" / "artifacts" / "_measured_globals.py"
HEAD = '''"""Names that pickles of fitted estimators need: see tools/allowed_globals.py.

Each line is a module and its names. Measured, then reviewed: never edited by
hand. What was reviewed without a measurement is in `cpr.artifacts.allowed_globals`.
"""

MEASURED = """\\
'''
# Python's own names and those of bound methods are decided by hand.
BY_HAND = {"builtins", "copyreg", "collections", "functools", "operator", "_codecs"}
LIBRARIES = {"numpy", "scipy", "sklearn", "_loss"}
METRICS = (
    "euclidean manhattan chebyshev minkowski hamming canberra braycurtis jaccard dice "
    "rogerstanimoto russellrao sokalsneath haversine cosine correlation cityblock seuclidean "
    "mahalanobis"
)
SCORES = "f_classif f_regression chi2 mutual_info_classif mutual_info_regression r_regression"

numbers = np.random.RandomState(0)
X = numbers.rand(40, 4) + 0.1
X[:, 3] = np.arange(40) % 3
Y = np.repeat([0, 1], 20)
TEXTS = ["red green", "blue green", "red red", "white blue"] * 10
# What fit is tried with, one after the other.
INPUTS: tuple[tuple[Any, ...], ...] = (
    (X, Y),
    (X, Y + 1.0),
    (X, np.c_[Y, 1 - Y]),
    (X,),
    (X @ X.T,),
    (Y,),
    (TEXTS, Y),
    ([{"a": 1, "b": 2}] * 10,),
    ([["a", "b"]] * 10,),
    (X[:, 0], Y),
)


class Recorder(pickle._Unpickler):
    """Notes the names that a pickle needs."""

    names: set[tuple[str, str]] = set()  # noqa: RUF012

    def find_class(self, module: str, name: str) -> Any:
        """Note the name; then as usual."""
        found = super().find_class(module, name)
        # Older protocols call Python's own names as Python 2 did.
        if self.proto >= 3 or module.partition(".")[0] in LIBRARIES:
            self.names.add((module, name))
        return found


def estimators() -> Iterator[Any]:
    """Every estimator, default-constructed or around a simple one, fitted where it can be."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils import all_estimators

    classifier, regressor = LogisticRegression(), Ridge()
    given: dict[str, list[Any]] = {
        "ColumnTransformer": [[("a", StandardScaler(), [0, 1])]],
        "FeatureUnion": [[("a", StandardScaler())]],
        "FrozenEstimator": [classifier.fit(X, Y)],
        "GridSearchCV": [classifier, {"C": [1, 2]}],
        "RandomizedSearchCV": [classifier, {"C": [1, 2]}],
        "MultiOutputRegressor": [regressor],
        "RegressorChain": [regressor],
        "Pipeline": [[("a", StandardScaler()), ("b", classifier)]],
        "SparseCoder": [np.eye(4)],
        "StackingClassifier": [[("a", classifier)]],
        "StackingRegressor": [[("a", regressor)]],
        "VotingClassifier": [[("a", classifier)]],
        "VotingRegressor": [[("a", regressor)]],
    }
    for name, cls in all_estimators():
        Recorder.names.add((cls.__module__, cls.__qualname__))
        try:
            made = cls(*given.get(name, []))
        except TypeError:
            made = cls(classifier)
        yield _fitted(made)


def variants() -> Iterator[Any]:
    """Losses, kernels, metrics, score functions and scorers."""
    from sklearn import ensemble, feature_selection, linear_model, neighbors
    from sklearn.gaussian_process import kernels
    from sklearn.metrics import get_scorer, get_scorer_names

    few: dict[str, Any] = {"n_estimators": 2}
    for loss in ("squared_error", "absolute_error", "huber", "quantile"):
        yield _fitted(ensemble.GradientBoostingRegressor(loss=loss, **few))
    for loss in ("log_loss", "exponential"):
        yield _fitted(ensemble.GradientBoostingClassifier(loss=loss, **few))
    yield ensemble.GradientBoostingClassifier(**few).fit(X, X[:, 3].astype(int))
    for loss in ("squared_error", "absolute_error", "gamma", "poisson", "quantile"):
        quantile = {"quantile": 0.5} if loss == "quantile" else {}
        model = ensemble.HistGradientBoostingRegressor(loss=loss, max_iter=2, **quantile)
        yield model.fit(X, Y + 1)
    yield ensemble.HistGradientBoostingClassifier(max_iter=2).fit(X, X[:, 3].astype(int))
    yield _fitted(ensemble.HistGradientBoostingClassifier(max_iter=2, categorical_features=[3]))
    for loss in linear_model.SGDClassifier._parameter_constraints["loss"][0].options:
        yield _fitted(linear_model.SGDClassifier(loss=loss))
    for metric in METRICS.split():
        for algorithm in ("kd_tree", "ball_tree", "brute"):
            yield _neighbours(neighbors.KNeighborsClassifier, metric, algorithm)
    for name in SCORES.split():
        yield feature_selection.SelectKBest(getattr(feature_selection, name))
    for name in get_scorer_names():
        yield get_scorer(name)
    for kernel in vars(kernels).values():
        if isinstance(kernel, type) and issubclass(kernel, kernels.Kernel):
            Recorder.names.add((kernel.__module__, kernel.__qualname__))


def data() -> Iterator[Any]:
    """Arrays, numbers, random states and sparse matrices."""
    import scipy.sparse

    for code in "?bhilqBHILQefdFD":
        yield np.dtype(code).type(1), np.ones(2, code)
    yield np.array(["a"], object), np.array(["a"]), np.zeros(2, [("a", "i4"), ("b", "O")])
    yield np.datetime64("2020-01-01"), np.timedelta64(1, "s"), np.str_("a"), np.bytes_(b"a")
    yield np.matrix([[1]]), np.ma.array([1, 2], mask=[0, 1]), np.random.RandomState(0)
    for bits in (np.random.PCG64, np.random.Philox, np.random.SFC64, np.random.MT19937):
        yield np.random.Generator(bits(1))
    for form in ("csr", "csc", "coo", "bsr", "dia", "dok", "lil"):
        for kind in ("matrix", "array"):
            yield getattr(scipy.sparse, f"{form}_{kind}")(np.eye(3))


def main() -> int:
    """Measure; show or accept what is new."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--accept", action="store_true", help="add what is new to the list")
    accept = parser.parse_args().accept
    warnings.simplefilter("ignore")
    for source in (estimators, variants, data):
        for value in source():
            for protocol in (2, 5):
                Recorder(io.BytesIO(pickle.dumps(value, protocol))).load()
    known = _recorded() | _by_hand()
    new = {key for key in Recorder.names - known if key[0] not in BY_HAND}
    for module, name in sorted(new):
        kind = "class" if isinstance(_lookup(module, name), type) else "NOT A CLASS"
        print(f"{module} {name}  ({kind})")
    if accept:
        _write(_recorded() | new)
    print(f"{len(Recorder.names)} names needed, {len(new)} new", file=sys.stderr)
    return 0 if accept or not new else 1


def _fitted(model: Any) -> Any:
    for arguments in INPUTS:
        try:
            return model.fit(*arguments)
        except Exception:  # noqa: S112 - the next inputs may fit
            continue
    return model


def _neighbours(cls: Any, metric: str, algorithm: str) -> Any:
    columns = X[:, :2] if metric == "haversine" else X
    extra = {"seuclidean": {"V": np.ones(4)}, "mahalanobis": {"V": np.eye(4)}}.get(metric)
    try:
        return cls(metric=metric, algorithm=algorithm, metric_params=extra).fit(columns, Y)
    except ValueError:  # this algorithm has no such metric
        return None


def _lookup(module: str, name: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _recorded() -> set[tuple[str, str]]:
    if not LIST.exists():
        return set()
    space: dict[str, str] = {}
    exec(LIST.read_text(encoding="utf-8"), space)  # noqa: S102 - our own file
    lines = [line.split() for line in space["MEASURED"].splitlines()]
    return {(line[0], name) for line in lines for name in line[1:]}


def _by_hand() -> set[tuple[str, str]]:
    try:
        from cpr.artifacts.allowed_globals import ALLOWED
    except ImportError:  # an older scikit-learn is measured without cpr
        return set()
    return set(ALLOWED)


def _write(names: set[tuple[str, str]]) -> None:
    lines: list[str] = []
    for module in sorted({module for module, _ in names}):
        line = module
        for name in sorted(name for other, name in names if other == module):
            if len(line) + len(name) > 98:
                lines.append(line)
                line = module
            line += f" {name}"
        lines.append(line)
    LIST.write_text(HEAD + "\n".join(lines) + '\n"""\n', encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
