"""Writes the integers that a graph itself holds in fewer bytes.

A tensor in a graph is written as it is in memory, or number by number; the
second takes one byte for each seven bits of a number, where an int64 takes
eight. Every TensorFlow reads both.
"""

from __future__ import annotations

import numpy as np

from cpr.savedmodel.protos import Message
from cpr.savedmodel.shrinking.nodes import bodies
from cpr.savedmodel.shrinking.packing import DT_INT32, DT_INT64

_FORMS = {DT_INT64: ("<i8", "int64_val"), DT_INT32: ("<i4", "int_val")}
_SMALLEST = 256


def narrow_constants(meta_graph: Message) -> int:
    """Write constant integers number by number where that is shorter; how many."""
    return sum(
        _narrow(node.attr["value"].tensor)
        for body in bodies(meta_graph)
        for node in body.nodes
        if node.op == "Const"
    )


def _narrow(tensor: Message) -> bool:
    form, field = _FORMS.get(tensor.dtype, ("", ""))
    if not form or len(tensor.tensor_content) < _SMALLEST:
        return False
    values = np.frombuffer(tensor.tensor_content, form)
    if values.min() < 0 or _size(values) >= len(tensor.tensor_content):
        return False
    tensor.tensor_content = b""
    getattr(tensor, field).extend(values.tolist())
    return True


def _size(values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
    """The bytes that numbers take one by one."""
    limits = [1 << bits for bits in range(7, 64, 7)]
    return int(values.size + sum(int((values >= limit).sum()) for limit in limits))
