"""Which casts of numbers to integers a graph has whose results runtimes disagree about.

Of a number that the integer type does not hold C says nothing: TensorFlow
makes the least integer of it, or wraps around, LiteRT takes the nearest. A
cast is harmless where the number cannot be that large, whatever the inputs
are, as long as these are no larger than `LARGEST_INPUT`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cpr.compiling.declined import Declined

# Larger ones are left to the original by a model with casts.
LARGEST_INPUT = float(2**20)
# No array has more places along one dimension.
_LARGEST_SIZE = float(2**30)
_LARGEST = float(np.finfo(np.float32).max)

_Range = tuple[float, float]
# They move values, or pick some: the range is that of all that goes in.
_MOVING = {
    "Identity", "IdentityN", "Reshape", "Transpose", "Squeeze", "ExpandDims", "StridedSlice",
    "Slice", "Pack", "ConcatV2", "Tile", "GatherV2", "BroadcastTo", "Select", "SelectV2", "Pad",
    "PadV2", "MirrorPad", "Floor", "Ceil", "Round", "Rint", "ReverseV2", "Split", "SplitV",
    "Unpack", "StopGradient", "EnsureShape", "Snapshot", "ResizeBilinear", "TopKV2",
    "ResizeNearestNeighbor", "DepthToSpace", "SpaceToDepth",
}  # fmt: skip
_SIZES = {"Shape", "Size", "Rank"}
_TO_ONE = {"Sigmoid": (0.0, 1.0), "Softmax": (0.0, 1.0), "Tanh": (-1.0, 1.0), "Sin": (-1.0, 1.0)}
_TO_ONE |= {"Cos": (-1.0, 1.0), "Erf": (-1.0, 1.0), "Softsign": (-1.0, 1.0), "Sign": (-1.0, 1.0)}


# Of these ONNX Runtime makes the same of every number.
_AS_TENSORFLOW = {"onnx": {"int8", "int16", "int32", "int64", "uint8", "uint16"}}


def check_casts(tf: Any, graph: Any, runtime: str) -> float | None:
    """How large the inputs may be; None where that is all the same.

    Args:
        tf: TensorFlow.
        graph: A GraphDef without variables.
        runtime: What is to run it.

    Raises:
        Declined: It has a cast that is not harmless.
    """
    same = _AS_TENSORFLOW.get(runtime, set())
    casts = [node for node in graph.node if _integer_made(tf, node) not in {"", *same}]
    ranges = _Ranges(tf, {node.name: node for node in graph.node})
    inside = [node for function in graph.library.function for node in function.node_def]
    for node in [*(node for node in casts if not ranges.fits(node)), *inside]:
        made = _integer_made(tf, node)
        if made not in {"", *same}:
            raise Declined(
                f"it makes {made} of {node.input[0]}, which may be too large for it: what becomes "
                "of such numbers differs; clip them before"
            )
    return LARGEST_INPUT if casts else None


def _integer_made(tf: Any, node: Any) -> str:
    """The integer type that a cast makes of other numbers; "" for all else."""
    if node.op != "Cast":
        return ""
    source, target = (tf.as_dtype(node.attr[name].type) for name in ("SrcT", "DstT"))
    return str(target.name) if source.is_floating and target.is_integer else ""


class _Ranges:
    """What values a graph's tensors can have; None where that is not known, or may be NaN."""

    def __init__(self, tf: Any, nodes: Mapping[str, Any]) -> None:
        self._tf = tf
        self._nodes = nodes
        self._known: dict[str, _Range | None] = {}

    def fits(self, cast: Any) -> bool:
        """Whether the integer type holds all that is cast to it."""
        found = self._of(cast.input[0])
        target = np.iinfo(self._tf.as_dtype(cast.attr["DstT"].type).as_numpy_dtype)
        return found is not None and target.min <= found[0] and found[1] <= target.max

    def _of(self, name: str) -> _Range | None:
        """The range of a tensor; found in the order of the graph, which may be deep."""
        pending, begun = [_node(name)], set[str]()
        while pending:
            node = self._nodes[pending[-1]]
            if node.name not in begun:
                begun.add(node.name)
                # A loop of TensorFlow 1 leads back to what is begun: not known.
                pending += [one for one in map(_node, _sources(node)) if one not in begun]
                continue
            pending.pop()
            if node.name not in self._known:
                self._known[node.name] = self._find(node)
        return self._known[_node(name)]

    def _find(self, node: Any) -> _Range | None:
        if node.op == "Const":
            return _of_array(self._tf.make_ndarray(node.attr["value"].tensor))
        if node.op == "Placeholder":
            return self._of_type(node.attr["dtype"].type)
        if node.op in _SIZES:
            return 0.0, _LARGEST_SIZE
        if node.op == "Cast":
            return self._of_cast(node)
        given = [self._known.get(_node(one)) for one in _sources(node)]
        if any(one is None for one in given):
            return None
        found = _combined(node.op, [one for one in given if one is not None], self._constant(node))
        is_finite = found is not None and max(map(abs, found)) < _LARGEST
        return found if is_finite else None

    def _of_type(self, number: int) -> _Range | None:
        kind = self._tf.as_dtype(number)
        if kind.is_floating:
            return -LARGEST_INPUT, LARGEST_INPUT
        if kind.is_bool:
            return 0.0, 1.0
        if not kind.is_integer:
            return None
        limits = np.iinfo(kind.as_numpy_dtype)
        return float(limits.min), float(limits.max)

    def _of_cast(self, node: Any) -> _Range | None:
        target = self._of_type(node.attr["DstT"].type)
        found = self._known.get(_node(node.input[0])) or self._of_type(node.attr["SrcT"].type)
        if found is None or target is None or self._tf.as_dtype(node.attr["DstT"].type).is_floating:
            return found
        return max(found[0], target[0]), min(found[1], target[1])

    def _constant(self, node: Any) -> Any:
        """The second input, if it is constant."""
        second = self._nodes.get(_node(node.input[1])) if len(node.input) > 1 else None
        while second is not None and second.op == "Identity":
            second = self._nodes.get(_node(second.input[0]))
        if second is None or second.op != "Const":
            return None
        return self._tf.make_ndarray(second.attr["value"].tensor)


def _combined(op: str, given: list[_Range], constant: Any) -> _Range | None:
    """The range of what an op makes of these."""
    lowest, highest = min(low for low, _ in given), max(high for _, high in given)
    if op in _MOVING:
        return lowest, highest
    if op in _TO_ONE:
        return _TO_ONE[op]
    if op in _OF_EACH:
        return _OF_EACH[op](*given[0])
    if op in ("MatMul", "BatchMatMulV2", "Conv2D") and constant is not None and constant.size:
        # As many products as an output takes at the most, each the largest.
        count = constant.size // constant.shape[-1] if op == "Conv2D" else max(constant.shape)
        largest = count * float(np.abs(constant).max()) * max(map(abs, given[0]))
        return -largest, largest
    if len(given) == 2 and op in _OF_TWO:
        return _OF_TWO[op](given[0], given[1])
    return None


def _product(left: _Range, right: _Range) -> _Range:
    corners = [one * other for one in left for other in right]
    return min(corners), max(corners)


def _quotient(left: _Range, right: _Range) -> _Range | None:
    if right[0] <= 0 <= right[1]:
        return None
    return _product(left, (1 / right[1], 1 / right[0]))


_OF_EACH: dict[str, Callable[[float, float], _Range | None]] = {
    "Relu": lambda low, high: (max(low, 0.0), max(high, 0.0)),
    "Relu6": lambda low, high: (min(max(low, 0.0), 6.0), min(max(high, 0.0), 6.0)),
    "Abs": lambda low, high: (0.0, max(abs(low), abs(high))),
    "Neg": lambda low, high: (-high, -low),
    "Square": lambda low, high: (0.0, max(low * low, high * high)),
    "Sqrt": lambda low, high: (math.sqrt(low), math.sqrt(high)) if low >= 0 else None,
    "Exp": lambda low, high: (math.exp(low), math.exp(high)) if high < 80 else None,
    "Log": lambda low, high: (math.log(low), math.log(high)) if low > 0 else None,
}
_OF_TWO: dict[str, Callable[[_Range, _Range], _Range | None]] = {
    "AddV2": lambda left, right: (left[0] + right[0], left[1] + right[1]),
    "Add": lambda left, right: (left[0] + right[0], left[1] + right[1]),
    "BiasAdd": lambda left, right: (left[0] + right[0], left[1] + right[1]),
    "Sub": lambda left, right: (left[0] - right[1], left[1] - right[0]),
    "Minimum": lambda left, right: (min(left[0], right[0]), min(left[1], right[1])),
    "Maximum": lambda left, right: (max(left[0], right[0]), max(left[1], right[1])),
    "Mul": _product,
    "RealDiv": _quotient,
}


def _of_array(array: Any) -> _Range | None:
    if array.dtype.kind not in "biuf" or not array.size:
        return None
    low, high = float(array.min()), float(array.max())
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _sources(node: Any) -> list[str]:
    return [name for name in node.input if not name.startswith("^")]


def _node(name: str) -> str:
    return name.partition(":")[0]
