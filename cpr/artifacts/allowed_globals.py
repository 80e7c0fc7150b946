"""The exact names that a pickle may use where the setting ``trust`` is ``listed``.

A name is here only if calling it with any arguments, and setting any state on
what it returns, neither runs code that the arguments choose nor touches a
file, and if no attribute of the result leads out of these names. So there is
nothing here that looks names up (getattr, operator.attrgetter,
numpy._core._ufunc_reconstruct), that applies what it is given to a name
(importlib, runpy), that loads (joblib.load, numpy.load), that writes
(numpy.memmap), or that compiles a string of its state (the distributions of
scipy.stats). A prefix of names is never enough: every library has some of these.
"""

from __future__ import annotations

from collections.abc import Iterator

from cpr.artifacts._measured_globals import MEASURED

# Python's own: containers, numbers, dates, and what the pickle protocols use.
# functools.partial only holds what is on this list, and HistGradientBoosting*
# with categorical features needs it.
_PYTHON = """\
builtins Ellipsis NotImplemented bool bytearray bytes complex dict float frozenset int list object
builtins range set slice str tuple
collections Counter OrderedDict defaultdict deque
collections UserDict UserList
copyreg __newobj__ __newobj_ex__ _reconstructor
datetime date datetime time timedelta timezone
decimal Decimal
functools partial
uuid UUID
"""
# Elementwise functions, which FunctionTransformer is often given, and numbers.
_NUMPY = """\
numpy abs absolute arccos arcsin arctan cbrt ceil clip cos deg2rad degrees exp exp2 expm1 fabs
numpy float_power floor isfinite isnan log log10 log1p log2 nan_to_num negative rad2deg radians
numpy reciprocal rint round sign sin sqrt square tan tanh trunc
numpy bool bool_ bytes_ complex128 complex64 datetime64 float16 float32 float64 int16 int32 int64
numpy int8 longdouble longlong object_ str_ timedelta64 uint16 uint32 uint64 uint8 ulonglong void
"""
_PANDAS = """\
pandas BooleanDtype Categorical CategoricalDtype CategoricalIndex DataFrame DatetimeIndex
pandas Float32Dtype Float64Dtype Index Int16Dtype Int32Dtype Int64Dtype Int8Dtype Interval
pandas IntervalDtype IntervalIndex MultiIndex NA RangeIndex Series StringDtype TimedeltaIndex
pandas UInt16Dtype UInt32Dtype UInt64Dtype UInt8Dtype
pandas._libs.arrays __pyx_unpickle_NDArrayBacked
pandas._libs.internals _unpickle_block
pandas._libs.interval Interval
pandas._libs.missing NAType
pandas._libs.tslibs.nattype _nat_unpickle
pandas._libs.tslibs.offsets Day Hour Minute Second
pandas._libs.tslibs.timedeltas _timedelta_unpickle
pandas._libs.tslibs.timestamps _unpickle_timestamp
pandas.arrays BooleanArray DatetimeArray FloatingArray IntegerArray IntervalArray StringArray
pandas.arrays TimedeltaArray
pandas.core.arrays.boolean BooleanArray BooleanDtype
pandas.core.arrays.categorical Categorical
pandas.core.arrays.datetimes DatetimeArray
pandas.core.arrays.floating Float32Dtype Float64Dtype FloatingArray
pandas.core.arrays.integer Int16Dtype Int32Dtype Int64Dtype Int8Dtype IntegerArray UInt16Dtype
pandas.core.arrays.integer UInt32Dtype UInt64Dtype UInt8Dtype
pandas.core.arrays.interval IntervalArray
pandas.core.arrays.string_ StringArray StringDtype
pandas.core.arrays.timedeltas TimedeltaArray
pandas.core.dtypes.dtypes CategoricalDtype IntervalDtype
pandas.core.frame DataFrame
pandas.core.indexes.base Index _new_Index
pandas.core.indexes.category CategoricalIndex
pandas.core.indexes.datetimes DatetimeIndex _new_DatetimeIndex
pandas.core.indexes.interval IntervalIndex _new_IntervalIndex
pandas.core.indexes.multi MultiIndex
pandas.core.indexes.numeric Float64Index Int64Index UInt64Index
pandas.core.indexes.range RangeIndex
pandas.core.indexes.timedeltas TimedeltaIndex _new_TimedeltaIndex
pandas.core.internals.managers BlockManager SingleBlockManager
pandas.core.series Series
"""
_BOOSTING = """\
lightgbm.basic Booster
lightgbm.sklearn LGBMClassifier LGBMModel LGBMRanker LGBMRegressor
xgboost.core Booster
xgboost.sklearn XGBClassifier XGBModel XGBRFClassifier XGBRFRegressor XGBRanker XGBRegressor
"""
# Constructed without arguments only: theirs can name a file, or another machine.
BARE = frozenset({("lightgbm.basic", "Booster"), ("xgboost.core", "Booster")})


def _pairs(table: str) -> Iterator[tuple[str, str]]:
    for line in table.splitlines():
        module, *names = line.split()
        yield from ((module, name) for name in names)


def _elsewhere(module: str, name: str) -> Iterator[tuple[str, str]]:
    """Where other versions of a library say that the same thing is."""
    if module.startswith("numpy.core."):
        yield module.replace("numpy.core.", "numpy._core.", 1), name
    if module.startswith("numpy._core."):
        yield module.replace("numpy._core.", "numpy.core.", 1), name
    if module == "numpy" and name.islower():  # numpy 1 pickles its ufuncs so
        yield "numpy.core._multiarray_umath", name
        yield "numpy._core._multiarray_umath", name


_STATED = frozenset(
    pair for table in (MEASURED, _PYTHON, _NUMPY, _PANDAS, _BOOSTING) for pair in _pairs(table)
)
ALLOWED: frozenset[tuple[str, str]] = _STATED | {
    other for pair in _STATED for other in _elsewhere(*pair)
}
