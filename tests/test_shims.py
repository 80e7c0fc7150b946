"""Shims restore what moved, for the whole process: each runs in a process of its own."""

import pickle
import subprocess
import sys
import textwrap

import pytest

from cpr.errors import UsageError
from cpr.shims import SHIMS, install_shims, shim_for


@pytest.fixture
def run(tmp_path):
    """Runs a script in a fresh process and returns what it printed."""

    def run_script(script, **environ):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **environ},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run_script


def test_importing_the_shims_switches_nothing_on(run):
    script = """
        import os, sys
        before = dict(os.environ), list(sys.meta_path), set(sys.modules)
        import cpr.shims
        added = {name.partition(".")[0] for name in set(sys.modules) - before[2]}
        assert (dict(os.environ), list(sys.meta_path)) == before[:2]
        assert not added & {"sklearn", "tensorflow", "numpy", "pandas", "torch"}, added
        cpr.shims.install_shims([])
        assert list(sys.meta_path) == before[1]
    """
    assert run(script) == ""


def test_unknown_shim_is_told_the_nearest_and_nothing_is_switched_on():
    before = list(sys.meta_path)
    with pytest.raises(UsageError) as caught:
        install_shims(["sklearn-externals", "sklearn-external"])
    assert caught.value.problem.startswith(
        "unknown shim 'sklearn-external'; known are sklearn-externals, "
    )
    assert caught.value.hint == "Did you mean 'sklearn-externals'?"
    assert sys.meta_path == before


def test_shim_for_a_library_that_is_not_installed_says_so(run):
    script = """
        import sys
        from cpr.errors import EnvironmentProblem
        from cpr.shims import install_shims
        sys.path.clear()
        try:
            install_shims(["torch-load-full", "keras-legacy"])
        except EnvironmentProblem as error:
            print(error)
    """
    assert run(script) == (
        "the shim 'keras-legacy' needs the library 'tf_keras', which is not installed\n"
        "pip install tf_keras"
    )


def test_sklearn_externals_leads_to_joblib(run):
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    script = """
        from cpr.shims import install_shims
        install_shims(["sklearn-externals"])
        import joblib, sys
        from sklearn.externals import joblib as first
        import sklearn.externals.joblib as second
        import sklearn.externals.joblib.numpy_pickle
        assert first is second is joblib
        assert joblib.__spec__.name == joblib.__name__ == "joblib"
        assert sys.modules["sklearn.externals.joblib.numpy_pickle"] is joblib.numpy_pickle
        try:
            from sklearn.externals import absent
        except ImportError as error:
            print(error.name)
    """
    assert run(script) == "sklearn.externals"


def test_every_private_module_of_sklearn_has_its_old_name_again(run):
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    script = """
        import importlib, pickle
        from cpr.shims import SHIMS, install_shims
        install_shims(["sklearn-private-modules"])
        for old, new in SHIMS["sklearn-private-modules"].aliases.items():
            module = importlib.import_module(new)
            assert importlib.import_module(old) is module, old
            assert (module.__name__, module.__spec__.name) == (new, new)
        print(pickle.loads(b"csklearn.preprocessing.data\\nStandardScaler\\n.").__name__)
    """
    assert run(script) == "StandardScaler"


def test_numpy_aliases_come_back(run):
    pytest.importorskip("numpy", reason="needs numpy")
    script = """
        from cpr.shims import install_shims
        install_shims(["numpy-aliases"])
        import numpy as np
        assert np.float is float and np.int is int and np.object is object
        assert np.bool in (bool, np.bool_)
        print(np.array([1.5], dtype=np.float).dtype, np.float_, np.string_, np.Inf, np.NaN)
    """
    assert run(script) == "float64 <class 'numpy.float64'> <class 'numpy.bytes_'> inf nan"


def test_pandas_as_matrix_comes_back(run):
    pytest.importorskip("pandas", reason="needs pandas")
    script = """
        from cpr.shims import install_shims
        install_shims(["pandas-as-matrix"])
        import pandas as pd
        frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
        print(frame.as_matrix().tolist(), frame.as_matrix(["b"]).tolist(), frame.a.as_matrix())
    """
    assert run(script) == "[[1, 3], [2, 4]] [[3], [4]] [1 2]"


def test_torch_is_told_to_load_whole_objects(run):
    script = """
        import os
        from cpr.shims import install_shims
        install_shims(["torch-load-full"])
        print(os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"])
    """
    assert run(script) == "1"


LEGACY = """
    import os, sys, types
    from importlib.machinery import ModuleSpec
    from pathlib import Path
    Path("tf_keras.py").write_text("")
    sys.path.insert(0, ".")
    from cpr.errors import EnvironmentProblem
    from cpr.shims import install_shims
"""


def test_legacy_keras_is_chosen_before_tensorflow_is_imported(run):
    script = (
        LEGACY + "    install_shims(['keras-legacy']); print(os.environ['TF_USE_LEGACY_KERAS'])"
    )
    assert run(script) == "1"


@pytest.mark.parametrize(
    ("environ", "is_late"), [({}, True), ({"TF_USE_LEGACY_KERAS": "1"}, False)]
)
def test_legacy_keras_comes_too_late_after_tensorflow(run, environ, is_late):
    script = (
        LEGACY
        + """
    sys.modules["tensorflow"] = types.ModuleType("tensorflow")
    try:
        install_shims(["keras-legacy"])
    except EnvironmentProblem as error:
        print(error)
    """
    )
    message = (
        "the shim 'keras-legacy' must be on before tensorflow is imported\n"
        "Set TF_USE_LEGACY_KERAS=1 in the environment instead."
    )
    assert run(script, **environ) == (message if is_late else "")


def test_tensorflow_python_keras_leads_to_the_public_keras(run):
    pytest.importorskip("tensorflow", reason="needs TensorFlow")
    script = """
        import warnings
        warnings.simplefilter("ignore")  # TensorFlow's own
        from cpr.shims import install_shims
        install_shims(["tensorflow-python-keras"])
        import tensorflow as tf
        from tensorflow.python.keras.models import load_model
        from tensorflow.python.keras.preprocessing import sequence
        from tensorflow.python.keras import Sequential, layers
        assert load_model is tf.keras.models.load_model
        assert Sequential is tf.keras.Sequential
        print(layers.Dense(2)(tf.ones([1, 3])).shape)
    """
    assert run(script) == "(1, 2)"


def not_from(module, name):
    return ImportError(f"cannot import name '{name}' from '{module}' (x.py)", name=module)


def error_of(statement):
    try:
        exec(statement)
    except Exception as error:
        return error


@pytest.mark.parametrize(
    ("error", "shim"),
    [
        (ModuleNotFoundError("x", name="sklearn.externals.joblib"), "sklearn-externals"),
        (not_from("sklearn.externals", "joblib"), "sklearn-externals"),
        (ModuleNotFoundError("x", name="sklearn.ensemble.forest"), "sklearn-private-modules"),
        (ModuleNotFoundError("x", name="sklearn.svm.classes.deep"), "sklearn-private-modules"),
        (
            ModuleNotFoundError("No module named 'tensorflow.python.keras.engine'"),
            "tensorflow-python-keras",
        ),
        (not_from("tensorflow.python.keras", "Model"), "tensorflow-python-keras"),
        (error_of("import numpy; numpy.float"), "numpy-aliases"),
        (error_of("import numpy; numpy.unicode_"), "numpy-aliases"),
        (AttributeError("'DataFrame' object has no attribute 'as_matrix'"), "pandas-as-matrix"),
        (pickle.UnpicklingError("Weights only load failed. This"), "torch-load-full"),
        (ModuleNotFoundError("x", name="sklearn.forest"), ""),
        (not_from("sklearn.ensemble", "forests"), ""),
        (AttributeError("module 'numpy' has no attribute 'floaty'"), ""),
        (AttributeError("'Row' object has no attribute 'str'"), ""),
        (ImportError("no name at all"), ""),
        (ValueError("sklearn.externals.joblib"), ""),
    ],
    ids=[
        "module", "name from a package", "private module", "below one", "module of keras",
        "name from keras", "np.float", "np.unicode_", "as_matrix", "torch", "similar module",
        "other name", "other attribute", "other object", "no name", "other error",
    ],
)  # fmt: skip
def test_error_names_the_shim_that_would_cure_it(error, shim):
    assert shim_for(error) == shim


@pytest.mark.parametrize("name", SHIMS)
def test_every_shim_says_what_it_is_for(name):
    assert len(SHIMS[name].summary) > 30
    assert SHIMS[name].aliases or SHIMS[name].environment or SHIMS[name].patch
