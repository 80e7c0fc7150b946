"""What scikit-learn's estimators need to be loaded is on the list of names."""

import io
import warnings
from functools import cache

import pytest

from cpr.artifacts.pickle_scan import scan_pickle
from cpr.artifacts.pickles import load_pickle

joblib = pytest.importorskip("joblib", reason="needs the extra cpr[sklearn]")
np = pytest.importorskip("numpy")
pytest.importorskip("sklearn", reason="needs the extra cpr[sklearn]")

numbers = np.random.RandomState(0)
X = numbers.rand(40, 4) + 0.1
X[:, 3] = np.arange(40) % 3
Y = np.repeat([0, 1], 20)
# What fit is tried with, one after the other.
INPUTS = [
    (X, Y),
    (X, Y + 1.0),
    (X, np.c_[Y, 1 - Y]),
    (X,),
    (X @ X.T,),
    (Y,),
    (["red green", "blue green"] * 20, Y),
    ([{"a": 1, "b": 2}] * 10,),
    ([["a", "b"]] * 10,),
    (X[:, 0], Y),
    (numbers.rand(10, 2500),),
]


@cache
def fitted():
    """Every estimator that can be made without arguments, fitted."""
    from sklearn.utils import all_estimators

    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, cls in all_estimators():
            try:
                estimator = cls()
            except TypeError:  # one that takes another estimator
                continue
            # A few need another estimator to be fitted, in some versions.
            if (made := fit(estimator)) is not None:
                found[name] = made
    return found


def fit(estimator):
    for arguments in INPUTS:
        try:
            return estimator.fit(*arguments)
        except (ValueError, TypeError, AttributeError, IndexError):
            continue
    return None


def answers(estimator):
    """What it predicts or makes of the numbers, where it takes them."""
    for method in ("predict", "transform"):
        try:
            answer = getattr(estimator, method)(X)
            return answer.toarray() if hasattr(answer, "toarray") else np.asarray(answer)
        except (ValueError, TypeError, AttributeError, IndexError):
            continue
    return None


@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("lz4", 3)], ids=["plain", "zlib", "lz4"])
def test_default_constructed_estimators_load_and_answer_the_same(tmp_path, compress):
    if compress and compress[0] == "lz4":
        pytest.importorskip("lz4", reason="needs the extra cpr[lz4]")
    assert len(fitted()) >= 165
    path = tmp_path / "model.joblib"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, estimator in fitted().items():
            joblib.dump(estimator, path, compress=compress)
            loaded = load_pickle(path)
            assert type(loaded) is type(estimator)
            expected, found = answers(estimator), answers(loaded)
            assert (expected is None) == (found is None), name
            if expected is not None and name != "BernoulliRBM":  # which draws at random
                np.testing.assert_array_equal(found, expected, err_msg=name)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_every_protocol_of_joblib_and_pickle_is_read(tmp_path, protocol):
    estimator = fitted()["RandomForestClassifier"]
    path = tmp_path / "model.joblib"
    for write in (joblib.dump, lambda value, file, **how: file_of(value, file, **how)):
        write(estimator, path, protocol=protocol)
        assert scan_pickle(path).protocol == (0 if protocol < 2 else protocol)
        np.testing.assert_array_equal(load_pickle(path).predict(X), estimator.predict(X))


def file_of(value, path, *, protocol):
    import pickle

    path.write_bytes(pickle.dumps(value, protocol=protocol))


ARRAYS = {
    "numbers": np.arange(6.0).reshape(2, 3),
    "columns first": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "other byte order": np.arange(4, dtype=">i4"),
    "scalar": np.array(3),
    "empty": np.zeros((0, 4)),
    "booleans": np.array([True, False]),
    "texts": np.array(["a", "été"]),
    "bytes": np.array([b"a", b"bc"]),
    "objects": np.array(["a", None, 1, {"b": np.arange(2)}], object),
    "objects in objects": np.array([np.array(["a", "b"], object), 2], object),
    "dates": np.array(["2020-01-01", "NaT"], "datetime64[D]"),
    "spans": np.array([1, 2], "timedelta64[s]"),
    "fields": np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]),
    "aligned fields": np.array([(1, 2.5)], np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "fields with objects": np.array([(1, "x")], [("a", "i4"), ("b", "O")]),
    "fields with arrays": np.zeros(2, [("a", "i4", (2, 3))]),
    "raw": np.zeros(2, "V7"),
    "complex": np.array([1j]),
    "long double": np.array([1], np.longdouble),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("xz", 1)], ids=["plain", "zlib", "xz"])
def test_joblibs_arrays_are_read_as_joblib_reads_them(tmp_path, array, compress):
    path = tmp_path / "model.joblib"
    value = {"before": 1, "array": array, "again": array, "after": [np.ones(3), "end"]}
    joblib.dump(value, path, compress=compress)
    loaded, expected = load_pickle(path), joblib.load(path)
    assert loaded["array"].dtype == expected["array"].dtype
    assert loaded["array"].shape == array.shape
    assert loaded["array"].flags.writeable
    assert loaded["array"].flags.f_contiguous == expected["array"].flags.f_contiguous
    assert repr(loaded["array"]) == repr(array.astype(loaded["array"].dtype))
    assert loaded["again"] is not None
    assert repr(loaded["after"]) == repr(value["after"])


def test_an_array_that_was_memory_mapped_becomes_an_array(tmp_path):
    mapped = np.memmap(tmp_path / "data", "int32", "w+", shape=(3,))
    mapped[:] = [1, 2, 3]
    joblib.dump(mapped, tmp_path / "model.joblib")
    loaded = load_pickle(tmp_path / "model.joblib")
    assert type(loaded) is np.ndarray
    assert loaded.tolist() == [1, 2, 3]


def test_the_versions_that_saved_parts_are_read(tmp_path):
    import sklearn
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    path = tmp_path / "model.joblib"
    joblib.dump(make_pipeline(StandardScaler()).fit(X), path, compress=3)
    scan = scan_pickle(path)
    assert scan.sklearn_versions == {sklearn.__version__: ("StandardScaler", "Pipeline")}
    assert scan.compression == "zlib"
    assert scan.has_arrays
    assert ("sklearn.pipeline", "Pipeline") in scan.names


def test_pandas_and_xgboost_are_on_the_list(tmp_path):
    pandas = pytest.importorskip("pandas")
    xgboost = pytest.importorskip("xgboost")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None], "c": pandas.Categorical(["u", "v"])})
    frame["d"] = pandas.to_datetime(["2020-01-01", "2021-01-01"])
    model = xgboost.XGBClassifier(n_estimators=2).fit(X, Y)
    path = tmp_path / "model.joblib"
    joblib.dump([frame, model, model.get_booster()], path)
    loaded = load_pickle(path)
    pandas.testing.assert_frame_equal(loaded[0], frame)
    np.testing.assert_array_equal(loaded[1].predict(X), model.predict(X))
    assert loaded[2].num_features() == 4


def test_functions_of_numpy_may_be_applied(tmp_path):
    from sklearn.preprocessing import FunctionTransformer

    for function in (np.log1p, np.sqrt, np.abs, np.clip, np.nan_to_num):
        target = io.BytesIO()
        joblib.dump(FunctionTransformer(function), target)
        (tmp_path / "model.pkl").write_bytes(target.getvalue())
        assert load_pickle(tmp_path / "model.pkl").func is function
