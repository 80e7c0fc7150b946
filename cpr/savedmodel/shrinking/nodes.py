"""Nodes of a graph or of a function, built and referred to alike.

A graph calls the second output of ``split`` ``split:1``; the body of a
function calls it ``split:output:1``, by the name of the output in the op's
definition. Everything else about a node is the same in both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cpr.savedmodel.protos import AttrValue, DataType, Message
from cpr.savedmodel.reach import is_control, node_of
from cpr.wire.tensors import Array

DT_STRING = DataType.Value("DT_STRING")


@dataclass(frozen=True)
class Body:
    """The nodes of a graph, or those of a function."""

    nodes: Any
    """The repeated field with the nodes, changed in place."""
    function: Message | None = None
    """The FunctionDef, None for the graph itself."""

    def output(self, node: str, name: str, index: int = 0) -> str:
        """How another node refers to an output; `name` is the output's in the op."""
        if self.function is not None:
            return f"{node}:{name}:{index}"
        return f"{node}:{index}" if index else node

    def find(self, reference: str) -> Message | None:
        """The node that a data input refers to, None if it is an argument."""
        name = reference.removeprefix("^").split(":", 1)[0]
        return next((node for node in self.nodes if node.name == name), None)

    def redirect(self, old: str, new: str) -> None:
        """Have everything that reads one output read another."""
        same = {old, f"{old}:0"} if self.function is None and ":" not in old else {old}
        for node in self.nodes:
            for place, reference in enumerate(node.input):
                if reference in same:
                    node.input[place] = new
        if self.function is not None:
            for key, reference in self.function.ret.items():
                if reference in same:
                    self.function.ret[key] = new

    def add(
        self,
        op: str,
        name: str,
        inputs: Iterable[str] = (),
        *,
        device: str = "",
        types: dict[str, int] | None = None,
    ) -> Message:
        """Append a node; `types` are its attributes that are types."""
        node = self.nodes.add(name=name, op=op, input=list(inputs), device=device)
        for key, dtype in (types or {}).items():
            node.attr[key].type = dtype
        return node

    def with_strings(self, reference: str, values: Sequence[bytes], *, name: str) -> str:
        """The reference to a constant list of strings to read instead of `reference`.

        That constant itself is changed if nothing else reads it; else there
        will be a new one, called `name` or similar.
        """
        readers = sum(one == reference for node in self.nodes for one in node.input)
        node = self.find(reference)
        if node is None or readers != 1:
            node = self.add("Const", self._free(name), types={"dtype": DT_STRING})
            reference = self.output(node.name, "output")
        node.attr.pop("_output_shapes", None)
        tensor = node.attr["value"].tensor
        tensor.Clear()
        tensor.dtype = DT_STRING
        tensor.tensor_shape.dim.add(size=len(values))
        tensor.string_val.extend(values)
        return reference

    def _free(self, name: str) -> str:
        taken = {node.name for node in self.nodes}
        while name in taken:
            name += "_"
        return name


def bodies(meta_graph: Message) -> Iterator[Body]:
    """The graph of a MetaGraph, then its functions."""
    yield Body(meta_graph.graph_def.node)
    for function in meta_graph.graph_def.library.function:
        yield Body(function.node_def, function)


def shape_value(shape: Sequence[int]) -> Message:
    """An attribute that is a shape."""
    made = AttrValue()
    made.shape.SetInParent()
    for size in shape:
        made.shape.dim.add(size=size)
    return made


# A few bytes may stand for any number of the same value; these are not spelled out.
_MOST_REPEATED = 1 << 16
_NUMBERS = {
    DataType.Value(name): (np.dtype(form), field)
    for name, form, field in (
        ("DT_FLOAT", "<f4", "float_val"),
        ("DT_DOUBLE", "<f8", "double_val"),
        ("DT_INT32", "<i4", "int_val"),
        ("DT_INT64", "<i8", "int64_val"),
    )
}


def constant(node: Message | None) -> Array | None:
    """The value of a constant of float32, float64, int32 or int64; None if the node is none.

    Nor is one given of a large constant that is a few values, repeated.
    """
    if node is None or node.op != "Const":
        return None
    tensor = node.attr["value"].tensor
    dtype, field = _NUMBERS.get(tensor.dtype, (None, ""))
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    size = math.prod(shape)
    if dtype is None or size < 0:
        return None
    if tensor.tensor_content:
        values = np.frombuffer(tensor.tensor_content, dtype)
        return values.reshape(shape) if values.size == size else None
    # A tensor whose last values are all the same holds them once; all zeros, none.
    if size > max(_MOST_REPEATED, len(getattr(tensor, field))):
        return None
    given = np.array(getattr(tensor, field)[:size] or [0], dtype)
    return np.append(given, np.full(max(0, size - given.size), given[-1], dtype))[:size].reshape(
        shape
    )


def fill(node: Message, values: Array) -> None:
    """Give a constant another value, of its own type."""
    tensor = node.attr["value"].tensor
    dtype = node.attr["dtype"].type
    tensor.Clear()
    tensor.dtype = dtype
    tensor.tensor_shape.SetInParent()
    for size in values.shape:
        tensor.tensor_shape.dim.add(size=size)
    tensor.tensor_content = np.ascontiguousarray(values).tobytes()
    node.attr.pop("_output_shapes", None)


def readers_of(nodes: Iterable[Message]) -> dict[str, list[tuple[Message, int]]]:
    """The nodes that read each node or wait for it, and as which of their inputs."""
    found: dict[str, list[tuple[Message, int]]] = {}
    for node in nodes:
        for place, reference in enumerate(node.input):
            found.setdefault(node_of(reference), []).append((node, place))
    return found


def without_checks(meta_graph: Message) -> int:
    """Have what looks at numbers or prints them only hand them on, in place; how many."""
    count = 0
    for body in bodies(meta_graph):
        for node in body.nodes:
            if node.op in ("CheckNumerics", "CheckNumericsV2", "Print"):
                dtype = node.attr["T"].type
                inputs = [node.input[0], *(one for one in node.input if is_control(one))]
                node.op = "Identity"
                node.input[:] = inputs
                node.attr.clear()
                node.attr["T"].type = dtype
                count += 1
    return count
