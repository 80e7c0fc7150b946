"""How one weight is stored in fewer bytes, and what unpacking it gives.

A packed weight is one tensor of a narrower type, or that and a scale of the
weight's own type: the value is ``cast(stored) * scale``. Those two operations
are all that a runtime needs to unpack it, and every TensorFlow has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cpr.savedmodel.protos import DataType

Precision = Literal["float32", "float16", "bfloat16", "int8"]
"""What the float weights are stored as; ``float32`` leaves them as they are."""

Array = NDArray[Any]

DT_FLOAT, DT_DOUBLE = DataType.Value("DT_FLOAT"), DataType.Value("DT_DOUBLE")
DT_HALF, DT_BFLOAT16 = DataType.Value("DT_HALF"), DataType.Value("DT_BFLOAT16")
DT_INT8, DT_INT32, DT_INT64 = (DataType.Value(name) for name in ("DT_INT8", "DT_INT32", "DT_INT64"))

FLOATS: dict[int, np.dtype[Any]] = {
    DT_FLOAT: np.dtype("<f4"),
    DT_DOUBLE: np.dtype("<f8"),
}
"""The types of weights that lose precision when they are packed."""
# Below this a weight's new nodes and names cost about what it saves.
SMALLEST = 1024
# A scale for each of few values would be as large as what it scales.
_LARGEST_SHARE = 0.45
# An axis other than the last must be this much better: runtimes that quantise
# further expect the last.
_CLEARLY_BETTER = 0.8


@dataclass(frozen=True)
class Packed:
    """A weight as it is stored: the narrower tensor, and its scale if it has one."""

    dtype: int
    """The stored tensor's type, by TensorFlow's number."""
    shape: tuple[int, ...]
    data: bytes
    unpacked_dtype: int
    scale_shape: tuple[int, ...] = ()
    scale: bytes = b""
    """In ``unpacked_dtype``; empty if there is none."""
    error: float = 0.0
    """The largest difference of an element from what it was."""

    @property
    def size(self) -> int:
        """How many bytes are stored."""
        return len(self.data) + len(self.scale)


def pack_float(values: Array, dtype: int, precision: Precision) -> Packed | None:
    """A float weight in the given precision, or None if it is best left alone.

    Weights of one dimension, which biases and normalisations are, are stored
    as float16 where int8 is asked for. A weight with a value that the
    precision has no room for is left alone, and so is one that is not finite.
    """
    if precision == "float32" or values.size < SMALLEST or not np.isfinite(values).all():
        return None
    if precision == "int8" and values.ndim > 1:
        return _as_int8(values, dtype)
    if precision == "bfloat16":
        stored, back = _as_bfloat16(values)
        return _cast(stored, DT_BFLOAT16, values, back, dtype)
    with np.errstate(over="ignore", under="ignore"):
        half = values.astype("<f2")
    return _cast(half, DT_HALF, values, half.astype(values.dtype), dtype)


def pack_integer(values: Array, dtype: int) -> Packed | None:
    """An int64 weight as int32 if every value fits, or None."""
    limits = np.iinfo(np.int32)
    if dtype != DT_INT64 or values.size < SMALLEST:
        return None
    if values.min() < limits.min or values.max() > limits.max:
        return None
    return Packed(DT_INT32, values.shape, values.astype("<i4").tobytes(), dtype)


def _cast(stored: Array, as_dtype: int, values: Array, back: Array, dtype: int) -> Packed | None:
    if not np.isfinite(back).all():
        return None
    error = float(np.abs(back - values).max())
    return Packed(as_dtype, values.shape, stored.tobytes(), dtype, error=error)


def _as_bfloat16(values: Array) -> tuple[Array, Array]:
    """The upper half of each float, rounded to even, and what that is as a float."""
    with np.errstate(over="ignore"):  # what becomes infinite is left alone
        bits = values.astype("<f4").view("<u4").astype("<u8")
    upper = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
    return upper, (upper.astype("<u4") << 16).view("<f4").astype(values.dtype)


def _as_int8(values: Array, dtype: int) -> Packed | None:
    """Eight bits an element with a scale for each channel, of the axis that fits best."""
    best: tuple[float, Packed] | None = None
    for axis in dict.fromkeys((values.ndim - 1, 0, values.ndim - 2)):
        packed, spread = _by_channel(values, axis, dtype)
        if packed.size > _LARGEST_SHARE * values.nbytes:
            continue
        if best is None or spread < _CLEARLY_BETTER * best[0]:
            best = spread, packed
    return best[1] if best else None


def _by_channel(values: Array, axis: int, dtype: int) -> tuple[Packed, float]:
    """The weight with a scale for each index of `axis`, and its mean square error."""
    others = tuple(one for one in range(values.ndim) if one != axis)
    largest = np.abs(values).max(axis=others, keepdims=True)
    with np.errstate(under="ignore"):
        scale = (largest / 127).astype(values.dtype)
    scale[scale == 0] = 1  # zeros, or so near that nothing is
    stored = np.clip(np.rint(values / scale), -127, 127).astype("i1")
    difference = stored * scale - values
    packed = Packed(
        DT_INT8,
        values.shape,
        stored.tobytes(),
        dtype,
        scale_shape=scale.shape,
        scale=scale.tobytes(),
        error=float(np.abs(difference).max()),
    )
    with np.errstate(over="ignore", under="ignore"):
        return packed, float(np.mean(np.square(difference, dtype="f8")))
