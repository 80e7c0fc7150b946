"""Names of libraries that moved since old packages were written, restored on request.

A shim is switched on by name, for the whole process, before user code is
imported; nothing here ever happens by itself. Most are import aliases: the
old module name leads to the new module, imported when it is first asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from cpr.errors import EnvironmentProblem, UsageError
from cpr.suggest import did_you_mean

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shim:
    """One opt-in repair: what it is for, and what it does.

    `aliases` maps old module names to new ones, `environment` sets variables
    that a library reads, `patch` changes a library after it was imported.
    `needs` is a library that must be installed, `before` one that must not be
    imported yet. `symptom` is what an error says that the shim would cure.
    """

    summary: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    patch: Callable[[], None] | None = None
    needs: str = ""
    before: str = ""
    symptom: str = ""


def _restore_numpy_names() -> None:
    import numpy as np  # the shim's whole purpose, and an optional one

    for old, new in _NUMPY_REMOVED.items():
        if old not in vars(np):
            setattr(np, old, new if isinstance(new, type) else getattr(np, new))


_NUMPY_REMOVED: dict[str, type | str] = {
    "bool": bool,
    "complex": complex,
    "float": float,
    "int": int,
    "object": object,
    "str": str,
    "complex_": "complex128",
    "float_": "float64",
    "string_": "bytes_",
    "unicode_": "str_",
    "Inf": "inf",
    "Infinity": "inf",
    "NaN": "nan",
    "infty": "inf",
}


def _restore_as_matrix() -> None:
    import pandas as pd  # optional extra

    def as_matrix(self: Any, columns: Any = None) -> Any:
        return (self if columns is None else self[columns]).to_numpy()

    for kind in (pd.DataFrame, pd.Series):
        if not hasattr(kind, "as_matrix"):
            kind.as_matrix = as_matrix


def _redirect_tensorflow_python_keras() -> None:
    keras: Any = importlib.import_module("tensorflow").keras
    # TensorFlow still uses what is left there itself: only the public part is replaced.
    legacy: Any = importlib.import_module("tensorflow.python.keras")
    for name in _KERAS_PUBLIC:
        public = importlib.import_module(f"tensorflow.keras.{name}")
        sys.modules[f"tensorflow.python.keras.{name}"] = public
        setattr(legacy, name, public)
    legacy.Model, legacy.Sequential = keras.Model, keras.Sequential


_KERAS_PUBLIC = (
    "applications",
    "backend",
    "callbacks",
    "datasets",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "preprocessing",
    "utils",
)

_SKLEARN_MOVED = {
    "sklearn.ensemble.forest": "sklearn.ensemble._forest",
    "sklearn.ensemble.gradient_boosting": "sklearn.ensemble._gb",
    "sklearn.ensemble.bagging": "sklearn.ensemble._bagging",
    "sklearn.ensemble.weight_boosting": "sklearn.ensemble._weight_boosting",
    "sklearn.ensemble.voting_classifier": "sklearn.ensemble._voting",
    "sklearn.ensemble.iforest": "sklearn.ensemble._iforest",
    "sklearn.tree.tree": "sklearn.tree._classes",
    "sklearn.linear_model.base": "sklearn.linear_model._base",
    "sklearn.linear_model.logistic": "sklearn.linear_model._logistic",
    "sklearn.linear_model.ridge": "sklearn.linear_model._ridge",
    "sklearn.linear_model.stochastic_gradient": "sklearn.linear_model._stochastic_gradient",
    "sklearn.linear_model.coordinate_descent": "sklearn.linear_model._coordinate_descent",
    "sklearn.svm.classes": "sklearn.svm._classes",
    "sklearn.neighbors.classification": "sklearn.neighbors._classification",
    "sklearn.neighbors.regression": "sklearn.neighbors._regression",
    "sklearn.neural_network.multilayer_perceptron": "sklearn.neural_network._multilayer_perceptron",
    "sklearn.cluster.k_means_": "sklearn.cluster._kmeans",
    "sklearn.cluster.dbscan_": "sklearn.cluster._dbscan",
    "sklearn.mixture.gaussian_mixture": "sklearn.mixture._gaussian_mixture",
    "sklearn.gaussian_process.gpr": "sklearn.gaussian_process._gpr",
    "sklearn.decomposition.nmf": "sklearn.decomposition._nmf",
    "sklearn.decomposition.pca": "sklearn.decomposition._pca",
    "sklearn.decomposition.truncated_svd": "sklearn.decomposition._truncated_svd",
    "sklearn.preprocessing.data": "sklearn.preprocessing._data",
    "sklearn.preprocessing.label": "sklearn.preprocessing._label",
    "sklearn.preprocessing.imputation": "sklearn.impute._base",
    "sklearn.feature_extraction.dict_vectorizer": "sklearn.feature_extraction._dict_vectorizer",
    "sklearn.feature_selection.from_model": "sklearn.feature_selection._from_model",
    "sklearn.feature_selection.univariate_selection": (
        "sklearn.feature_selection._univariate_selection"
    ),
    "sklearn.utils.testing": "sklearn.utils._testing",
}

SHIMS: dict[str, Shim] = {
    "sklearn-externals": Shim(
        "sklearn.externals.joblib and .six, removed in scikit-learn 0.23",
        aliases={"sklearn.externals.joblib": "joblib", "sklearn.externals.six": "six"},
    ),
    "sklearn-private-modules": Shim(
        "modules that old scikit-learn pickles name, made private in scikit-learn 0.22",
        aliases=_SKLEARN_MOVED,
    ),
    "tensorflow-python-keras": Shim(
        "tensorflow.python.keras, emptied in TensorFlow 2.16: leads to tensorflow.keras",
        patch=_redirect_tensorflow_python_keras,
        needs="tensorflow",
        symptom=r"^ImportError: .*'tensorflow\.python\.keras",
    ),
    "keras-legacy": Shim(
        "Keras 2 in place of Keras 3 for tensorflow.keras",
        environment={"TF_USE_LEGACY_KERAS": "1"},
        needs="tf_keras",
        before="tensorflow",
    ),
    "numpy-aliases": Shim(
        "np.float, np.int, np.bool, np.object, np.str, removed in numpy 1.24",
        patch=_restore_numpy_names,
        needs="numpy",
        symptom=r"^AttributeError: .*('numpy' has no attribute '|`np\.)"
        rf"({'|'.join(_NUMPY_REMOVED)})['`]",
    ),
    "pandas-as-matrix": Shim(
        "DataFrame.as_matrix, removed in pandas 1.0",
        patch=_restore_as_matrix,
        needs="pandas",
        symptom="^AttributeError: .*has no attribute 'as_matrix'",
    ),
    "torch-load-full": Shim(
        "torch.load of whole objects, refused by default since torch 2.6",
        environment={"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"},
        symptom="^UnpicklingError: Weights only load failed",
    ),
}


def install_shims(names: Sequence[str]) -> None:
    """Switch the named shims on, for the rest of the process.

    Raises:
        UsageError: A name is unknown.
        EnvironmentProblem: A shim's library is not installed, or was imported
            before the shim could take effect.
    """
    for name in names:
        if name not in SHIMS:
            raise UsageError(
                f"unknown shim {name!r}; known are {', '.join(SHIMS)}.",
                hint=did_you_mean(name, SHIMS),
            )
        _check_library(name, SHIMS[name])
    for name in names:
        shim = SHIMS[name]
        os.environ.update(shim.environment)
        if shim.patch is not None:
            shim.patch()
        if shim.aliases:
            _finder.aliases.update(shim.aliases)
            if _finder not in sys.meta_path:
                sys.meta_path.insert(0, _finder)
        logger.info("shim %s is on: %s", name, shim.summary)


def shim_for(error: BaseException) -> str:
    """The shim that would have cured an error of user code, or an empty string."""
    said = f"{_kind(error)}: {error}"
    for name, shim in SHIMS.items():
        if shim.symptom and re.search(shim.symptom, said):
            return name
        if any(
            module == old or module.startswith(f"{old}.")
            for module in _modules_asked_for(error)
            for old in shim.aliases
        ):
            return name
    return ""


def _kind(error: BaseException) -> str:
    return "ImportError" if isinstance(error, ImportError) else type(error).__name__


def _modules_asked_for(error: BaseException) -> list[str]:
    """The modules that a failed import may have meant: ``from a import b`` may mean a.b."""
    if not isinstance(error, ImportError) or not error.name:
        return []
    imported = re.match(r"cannot import name '(\w+)' from ", str(error))
    return [error.name, f"{error.name}.{imported[1]}"] if imported else [error.name]


def _check_library(name: str, shim: Shim) -> None:
    if shim.needs and importlib.util.find_spec(shim.needs) is None:
        raise EnvironmentProblem(
            f"the shim {name!r} needs the library {shim.needs!r}, which is not installed",
            hint=f"pip install {shim.needs}",
        )
    is_set = all(os.environ.get(key) == value for key, value in shim.environment.items())
    if shim.before in sys.modules and not is_set:
        assignments = " ".join(f"{key}={value}" for key, value in shim.environment.items())
        raise EnvironmentProblem(
            f"the shim {name!r} must be on before {shim.before} is imported",
            hint=f"Set {assignments} in the environment instead.",
        )


class _AliasFinder(MetaPathFinder, Loader):
    """Finds an old module name and loads the module that replaced it."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Any = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        new = self._new_name(fullname)
        if new is None:
            return None
        return ModuleSpec(fullname, self, origin=new)

    def _new_name(self, fullname: str) -> str | None:
        for old, new in self.aliases.items():
            if fullname == old or fullname.startswith(f"{old}."):
                return new + fullname[len(old) :]
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(str(spec.origin))
        self._specs[module.__name__] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The module ran when it was imported under its new name; the import
        # machinery has since overwritten its spec with the old name's.
        module.__spec__ = self._specs.pop(module.__name__)


_finder = _AliasFinder()
