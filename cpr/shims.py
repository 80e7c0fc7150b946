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
    """

    summary: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    patch: Callable[[], None] | None = None


def _restore_numpy_names() -> None:
    import numpy as np  # the shim's whole purpose, and an optional one

    for name, builtin in {
        "float": float,
        "int": int,
        "bool": bool,
        "object": object,
        "str": str,
    }.items():
        if name not in vars(np):
            setattr(np, name, builtin)
    for old, new in {"float_": "float64", "unicode_": "str_", "Inf": "inf", "NaN": "nan"}.items():
        if old not in vars(np):
            setattr(np, old, getattr(np, new))


def _restore_as_matrix() -> None:
    import pandas as pd  # optional extra

    def as_matrix(self: Any, columns: Any = None) -> Any:
        return (self if columns is None else self[columns]).to_numpy()

    for kind in (pd.DataFrame, pd.Series):
        if not hasattr(kind, "as_matrix"):
            kind.as_matrix = as_matrix


def _redirect_tensorflow_python_keras() -> None:
    import tensorflow as tf  # optional extra; TensorFlow still uses what is left there itself

    legacy = importlib.import_module("tensorflow.python.keras")
    for name in _KERAS_PUBLIC:
        public = importlib.import_module(f"tensorflow.keras.{name}")
        sys.modules[f"tensorflow.python.keras.{name}"] = public
        setattr(legacy, name, public)
    legacy.Model, legacy.Sequential = tf.keras.Model, tf.keras.Sequential


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
    "sklearn.tree.tree": "sklearn.tree._classes",
    "sklearn.linear_model.base": "sklearn.linear_model._base",
    "sklearn.linear_model.logistic": "sklearn.linear_model._logistic",
    "sklearn.linear_model.ridge": "sklearn.linear_model._ridge",
    "sklearn.linear_model.stochastic_gradient": "sklearn.linear_model._stochastic_gradient",
    "sklearn.svm.classes": "sklearn.svm._classes",
    "sklearn.neighbors.classification": "sklearn.neighbors._classification",
    "sklearn.neighbors.regression": "sklearn.neighbors._regression",
    "sklearn.neural_network.multilayer_perceptron": "sklearn.neural_network._multilayer_perceptron",
    "sklearn.cluster.k_means_": "sklearn.cluster._kmeans",
    "sklearn.decomposition.pca": "sklearn.decomposition._pca",
    "sklearn.decomposition.truncated_svd": "sklearn.decomposition._truncated_svd",
    "sklearn.preprocessing.data": "sklearn.preprocessing._data",
    "sklearn.preprocessing.label": "sklearn.preprocessing._label",
    "sklearn.preprocessing.imputation": "sklearn.impute._base",
    "sklearn.feature_extraction.dict_vectorizer": "sklearn.feature_extraction._dict_vectorizer",
    "sklearn.feature_selection.from_model": "sklearn.feature_selection._from_model",
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
    ),
    "keras-legacy": Shim(
        "Keras 2 in place of Keras 3 for tensorflow.keras; needs the library tf_keras",
        environment={"TF_USE_LEGACY_KERAS": "1"},
    ),
    "numpy-aliases": Shim(
        "np.float, np.int, np.bool, np.object, np.str, removed in numpy 1.24",
        patch=_restore_numpy_names,
    ),
    "pandas-as-matrix": Shim(
        "DataFrame.as_matrix, removed in pandas 1.0", patch=_restore_as_matrix
    ),
    "torch-load-full": Shim(
        "torch.load of whole objects, refused by default since torch 2.6",
        environment={"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"},
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
        shim = SHIMS[name]
        _set_environment(name, shim.environment)
        if shim.patch is not None:
            try:
                shim.patch()
            except ImportError as error:
                raise EnvironmentProblem(
                    f"the shim {name!r} needs the library {error.name!r}, which is not installed",
                    hint=f"pip install {error.name}",
                ) from error
        if shim.aliases:
            _finder.aliases.update(shim.aliases)
            if _finder not in sys.meta_path:
                sys.meta_path.insert(0, _finder)
        logger.info("shim %s is on: %s", name, shim.summary)


def shim_for(error: ImportError) -> str:
    """The shim that would have helped an import that failed, or an empty string."""
    name = error.name or ""
    for shim_name, shim in SHIMS.items():
        if any(name == old or name.startswith(f"{old}.") for old in shim.aliases):
            return shim_name
    return "tensorflow-python-keras" if name.startswith("tensorflow.python.keras") else ""


def _set_environment(name: str, variables: Mapping[str, str]) -> None:
    library = {"TF_USE_LEGACY_KERAS": "tensorflow", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": ""}
    for variable, value in variables.items():
        if os.environ.get(variable) != value and library.get(variable, "") in sys.modules:
            raise EnvironmentProblem(
                f"the shim {name!r} must be on before {library[variable]} is imported",
                hint=f"Set {variable}={value} in the environment instead.",
            )
        os.environ[variable] = value


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
        return ModuleSpec(fullname, self, origin=new, is_package=True)

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
