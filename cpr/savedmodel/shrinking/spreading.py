"""A graph with its functions spread out: what runs, once for each place where it is called.

Only plain calls are spread; loops and branches stay single nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cpr.savedmodel.protos import DataType, Message
from cpr.savedmodel.reach import (
    initializers,
    is_control,
    node_of,
    reach,
    signature_nodes,
    tensors_of,
)
from cpr.savedmodel.shrinking.nodes import Body, constant
from cpr.wire.tensors import Array

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
# Calls may double with every level; what is hostile does.
_MOST = 1_000_000
_DEEPEST = 50
_SLICE_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask")
_INTEGERS: dict[int, np.dtype[Any]] = {
    DataType.Value("DT_INT32"): np.dtype("i4"),
    DataType.Value("DT_INT64"): np.dtype("i8"),
}


class TooLarge(Exception):
    """The functions call each other too often to be spread, or get what they give."""


@dataclass(frozen=True)
class Placed:
    """A node in one of the places where it runs.

    Attributes:
        name: That of the place.
        node: The node, which other places may have too.
        body: The graph or function that the node is in.
        inputs: The places of its data inputs.
    """

    name: str
    node: Message
    body: Body
    inputs: tuple[str, ...]

    @property
    def op(self) -> str:
        """The node's operation."""
        return str(self.node.op)


@dataclass
class _Scope:
    """A call: the function's nodes, and what its arguments are where it is called."""

    body: Body
    prefix: str
    depth: int
    nodes: dict[str, Message]
    given: dict[str, tuple[_Scope, str]] = field(default_factory=dict)
    calls: dict[str, _Scope] = field(default_factory=dict)


class Spread:
    """The places of a MetaGraph's nodes.

    Attributes:
        nodes: By the places' names; nodes of the graph itself have their own.
        readers: What reads each, and as which of its inputs.
        functions: The names of those that are called.
        arguments: What functions get: name and number -> places.
        answered: What signatures and functions of objects give, and what signatures get.
        running: The nodes of the graph itself that run when it is loaded or asked.

    Raises:
        TooLarge: There are too many places.
    """

    def __init__(self, meta_graph: Message) -> None:
        graph = meta_graph.graph_def
        self._library = {one.signature.name: one for one in graph.library.function}
        self._bodies: dict[str, dict[str, Message]] = {}
        self.nodes: dict[str, Placed] = {}
        self.readers: dict[str, list[tuple[Placed, int]]] = {}
        self.functions: dict[str, list[str]] = {}
        self.arguments: dict[tuple[str, int], set[str]] = {}
        self._places: dict[int, list[str]] = {}
        self._values: dict[str, Array | None] = {}
        self._root = _Scope(Body(graph.node), "", 0, {node.name: node for node in graph.node})
        scopes = list(self._spread())
        for scope in scopes:
            self._place(scope)
        self.answered = {
            self._resolve(self._root, tensor)
            for signature in meta_graph.signature_def.values()
            for info in (*signature.inputs.values(), *signature.outputs.values())
            for tensor in tensors_of(info)
        }
        for name in meta_graph.object_graph_def.concrete_functions:
            self.answered.update(self.functions.get(name, ()))
        roots = [*signature_nodes(meta_graph), *initializers(meta_graph)]
        restore = node_of(meta_graph.saver_def.restore_op_name)
        self.running = reach(meta_graph, [*roots, restore]).nodes

    def same(self, placed: Placed) -> list[str]:
        """All places of the node that is in one."""
        return self._places[id(placed.node)]

    def read(self, name: str) -> list[tuple[Placed, int]]:
        """What reads a place, and as which of its inputs."""
        return self.readers.get(name, [])

    def value(self, name: str, depth: int = 0) -> Array | None:
        """The numbers that are in a place, if they are constant and simply told."""
        if name not in self._values:
            self._values[name] = None  # a damaged graph reads in a circle
            self._values[name] = self._find_value(name, depth)
        return self._values[name]

    def _find_value(self, name: str, depth: int) -> Array | None:
        placed = self.nodes.get(name)
        if placed is None or depth > _DEEPEST:
            return None
        if placed.op == "Const":
            return constant(placed.node)
        if placed.op in ("Identity", "Cast"):
            values = self.value(placed.inputs[0], depth + 1)
            if values is None or placed.op == "Identity":
                return values
            dtype = _INTEGERS.get(placed.node.attr["DstT"].type)
            return None if dtype is None or values.dtype.kind != "i" else values.astype(dtype)
        return self._element(placed, depth + 1) if placed.op == "StridedSlice" else None

    def _element(self, placed: Placed, depth: int) -> Array | None:
        """The one number that a slice takes of a list, as of a shape."""
        parts = [self.value(name, depth) for name in placed.inputs[:2]]
        if any(one is None for one in parts[:2]) or parts[0] is None or parts[1] is None:
            return None
        attributes = placed.node.attr
        is_one = "shrink_axis_mask" in attributes and attributes["shrink_axis_mask"].i == 1
        masked = any(key in attributes and attributes[key].i for key in _SLICE_MASKS)
        if not is_one or masked or parts[0].ndim != 1 or parts[1].shape != (1,):
            return None
        place = int(parts[1][0])
        in_it = -len(parts[0]) <= place < len(parts[0])
        return np.asarray(parts[0][place]) if in_it else None

    def _spread(self) -> Iterator[_Scope]:
        waiting = [self._root]
        count = 0
        while waiting:
            scope = waiting.pop()
            yield scope
            count += len(scope.nodes)
            if count > _MOST or scope.depth > _DEEPEST:
                raise TooLarge
            for node in scope.nodes.values():
                name = node.attr["f"].func.name if node.op in _CALLS else ""
                if name in self._library:
                    scope.calls[node.name] = self._called(scope, node, name)
                    waiting.append(scope.calls[node.name])

    def _called(self, scope: _Scope, call: Message, name: str) -> _Scope:
        function = self._library[name]
        if name not in self._bodies:
            self._bodies[name] = {node.name: node for node in function.node_def}
        made = _Scope(
            Body(function.node_def, function),
            f"{scope.prefix}{call.name}/",
            scope.depth + 1,
            self._bodies[name],
        )
        data = [reference for reference in call.input if not is_control(reference)]
        for argument, reference in zip(function.signature.input_arg, data, strict=False):
            made.given[argument.name] = (scope, reference)
        return made

    def _place(self, scope: _Scope) -> None:
        for node in scope.nodes.values():
            if node.name in scope.calls:
                self._note_call(scope, node)
                continue
            data = [reference for reference in node.input if not is_control(reference)]
            placed = Placed(
                scope.prefix + node.name,
                node,
                scope.body,
                tuple(self._resolve(scope, reference) for reference in data),
            )
            self.nodes[placed.name] = placed
            self._places.setdefault(id(node), []).append(placed.name)
            for place, name in enumerate(placed.inputs):
                self.readers.setdefault(name, []).append((placed, place))

    def _note_call(self, scope: _Scope, node: Message) -> None:
        called = scope.calls[node.name]
        function = called.body.function
        assert function is not None
        name = function.signature.name
        returned = [self._resolve(called, reference) for reference in function.ret.values()]
        self.functions.setdefault(name, []).extend(returned)
        for place, argument in enumerate(function.signature.input_arg):
            if argument.name in called.given:
                given = self._resolve(*called.given[argument.name])
                self.arguments.setdefault((name, place), set()).add(given)

    def _resolve(self, scope: _Scope, reference: str) -> str:
        """The place that a reference leads to; nothing is at it where it leads nowhere."""
        for _ in range(_MOST):
            name = node_of(reference)
            if name in scope.given:
                scope, reference = scope.given[name]
                continue
            called = scope.calls.get(name)
            function = called.body.function if called else None
            if called is None or function is None:
                return scope.prefix + name
            output = reference.rpartition(":")[2] if ":" in reference else "0"
            names = [one.name for one in function.signature.output_arg]
            if not output.isdecimal() or int(output) >= len(names):
                return scope.prefix + name
            scope, reference = called, function.ret[names[int(output)]]
        raise TooLarge
