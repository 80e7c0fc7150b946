"""Arrays in JSON, between this process and one that runs TensorFlow."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from cpr.wire.tensors import Array


def encode(array: Array) -> dict[str, Any]:
    """An array in JSON's types; one of bytes or text keeps every byte."""
    if array.dtype.kind in "OSU":
        raw = [one.encode() if isinstance(one, str) else bytes(one) for one in array.ravel()]
        data: Any = [base64.b64encode(one).decode() for one in raw]
        return {"dtype": "string", "shape": list(array.shape), "data": data}
    if array.dtype.str not in _PLAIN:  # float16's relatives, which numpy does not have
        array = array.astype("<f4")
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": data}


def decode(made: dict[str, Any]) -> Array:
    """The array that `encode` was given; text comes back as bytes."""
    if made["dtype"] == "string":
        flat = np.empty(len(made["data"]), dtype=object)
        flat[:] = [base64.b64decode(one) for one in made["data"]]
        return flat.reshape(made["shape"])
    data = base64.b64decode(made["data"])
    return np.frombuffer(data, dtype=made["dtype"]).reshape(made["shape"])


_PLAIN = frozenset(np.dtype(kind).str for kind in "?bBhHiIlLqQefdFD")
