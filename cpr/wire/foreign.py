"""What libraries return, turned towards JSON's own types: one step at a time.

Libraries are told apart by what their objects can do, so that none of them is
imported for those who do not use it.
"""

from __future__ import annotations

import base64
import dataclasses
from datetime import date, time
from enum import Enum
from typing import Any
from uuid import UUID

_MISSING = ("NAType", "NaTType")  # of pandas: no number, so null under every policy


def to_json_type(value: Any) -> Any:
    """One step from a foreign type towards JSON's own.

    Bytes become ``{"b64": …}``, a DataFrame a list of its rows as objects,
    dates and times ISO 8601 text, missing values of pandas null. Sets and
    iterators have no JSON form: the order of one is arbitrary, and reading
    the other uses it up.

    Raises:
        TypeError: The type has no JSON form. Other exceptions are the
            value's own.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"b64": base64.b64encode(bytes(value)).decode("ascii")}
    if isinstance(value, tuple):
        return list(value)
    if type(value).__name__ in _MISSING:
        return None
    if isinstance(value, (date, time)):
        return value.isoformat()
    if hasattr(value, "to_dicts"):  # a polars DataFrame
        return value.to_dicts()
    if hasattr(value, "iloc") and hasattr(value, "columns"):  # a pandas DataFrame
        return _rows(value)
    if hasattr(value, "detach"):  # a torch tensor, which may want gradients
        return value.detach().cpu().numpy()
    if hasattr(value, "__array__"):  # numpy, pandas, TensorFlow, JAX
        return _from_array(value)
    if hasattr(value, "numpy"):  # a ragged tensor
        return value.numpy()
    if hasattr(value, "tolist"):
        return value.tolist()
    return _from_standard_library(value)


def _rows(frame: Any) -> list[dict[Any, Any]]:
    names = list(frame.columns)
    twice = {str(name) for name in names if names.count(name) > 1}
    if twice:
        raise TypeError(f"its columns {', '.join(sorted(twice))} occur twice")
    columns = [to_json_type(frame.iloc[:, i]) for i in range(len(names))]
    if not columns:
        return [{} for _ in range(len(frame))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _from_array(value: Any) -> Any:
    import numpy as np  # CLI start-up time: many routines return no arrays

    if hasattr(value, "isna") and not isinstance(value.dtype, np.dtype):
        # pandas' own types; as an array, integers beside a missing one would become floats.
        listed = zip(value.tolist(), value.isna(), strict=True)
        return [None if is_missing else item for item, is_missing in listed]
    # A subclass, such as a masked array, knows best how to list itself.
    array = value if isinstance(value, (np.ndarray, np.generic)) else np.asarray(value)
    kind = array.dtype.kind
    if kind in "fiub" and type(array) is np.ndarray and not array.flags.c_contiguous:
        return np.ascontiguousarray(array)  # which orjson writes itself, in a tenth of the time
    if kind == "M":
        array = array.astype("datetime64[us]")  # nanoseconds would become integers
    elif kind == "m":
        raise TypeError("a duration has no JSON form")
    elif kind == "f" and array.dtype.itemsize > 8:
        array = array.astype("float64")
    elif kind == "f" and array.dtype.itemsize < 8:
        # The double of the shortest text: 0.1, not 0.10000000149011612.
        array = array.astype("float32").astype("U32").astype("float64")
    listed = array.tolist()
    if listed is value:
        raise TypeError(f"a {type(value).__name__} has no JSON form")
    return listed


def _from_standard_library(value: Any) -> Any:
    """What orjson writes by itself, for the writer that looks at every value."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [item.name for item in dataclasses.fields(value) if item.name[0] != "_"]
        return {name: getattr(value, name) for name in names}
    raise TypeError(f"a {type(value).__name__} has no JSON form")
