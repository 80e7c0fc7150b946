"""Rewrites reference variables and tables of TF1 as the resources of TF2.

TensorFlow 2 loads a graph with reference variables, but what it saves of it
has lost their values. Here ``VariableV2`` becomes ``VarHandleOp``, whatever
writes it the op of the same name for resources, and whatever reads it gets a
``ReadVariableOp`` of its own, in the old order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cpr.errors import LoadError
from cpr.savedmodel.migrating.graph_cut import full_name, tensor_of

VARIABLES = {"Variable", "VariableV2", "AutoReloadVariable"}
_WRITES = {
    "Assign": "AssignVariableOp",
    "AssignAdd": "AssignAddVariableOp",
    "AssignSub": "AssignSubVariableOp",
    **{f"Scatter{how}": f"ResourceScatter{how}" for how in
       ("Add", "Sub", "Mul", "Div", "Min", "Max", "Update")},
    **{f"ScatterNd{how}": f"ResourceScatterNd{how}" for how in ("Add", "Sub", "Update")},
}  # fmt: skip
_ASKS = {"IsVariableInitialized": "VarIsInitializedOp", "CountUpTo": "ResourceCountUpTo"}
_FLOWS = {f"Ref{op}": op for op in ("Switch", "Merge", "Enter", "Exit", "NextIteration")}
_ALIASES = {"Identity", "RefIdentity"}
# Attributes of the old op that the new one does not have.
_DROPPED = {"validate_shape", "use_locking"}
TABLES = {
    name: f"{name}V2"
    for name in (
        "HashTable", "MutableHashTable", "MutableHashTableOfTensors", "MutableDenseHashTable",
        "LookupTableFind", "LookupTableInsert", "LookupTableSize", "LookupTableExport",
        "LookupTableImport", "InitializeTable", "InitializeTableFromTextFile",
    )
}  # fmt: skip
HANDLES = {
    "VarHandleOp",
    *(name for name in TABLES.values() if not name.startswith(("Lookup", "Init"))),
}
_RESOURCE = 20

IsReference = Callable[[str, int], bool]


@dataclass
class _Rewriting:
    """One pass over a graph: what its nodes were, and what they become."""

    nodes: Mapping[str, Any]
    is_reference: IsReference
    added: list[Any] = field(default_factory=list)

    def handle(self, tensor: str) -> str | None:
        """The tensor that will hold the variable's handle, if this one refers to a variable."""
        name, index = tensor_of(tensor)
        node = self.nodes.get(name)
        if node is None or (index and node.op not in _FLOWS):
            return None
        if node.op in VARIABLES:
            return f"{name}:0"
        if node.op in _WRITES or node.op == "RefIdentity":
            return self.handle(node.input[0])
        return full_name(tensor) if node.op in _FLOWS else None

    def read(self, tensor: str, name: str, controls: list[str]) -> str:
        """Add a read of the variable that the tensor refers to, after what wrote it."""
        writer = self.nodes[tensor_of(tensor)[0]]
        after = [f"^{writer.name}"] if writer.op in _WRITES else []
        node = type(writer)(name=name, op="ReadVariableOp")
        node.input.extend([self.handle(tensor), *after, *controls])
        node.attr["dtype"].type = self.dtype(tensor)
        self.added.append(node)
        return name

    def dtype(self, tensor: str) -> int:
        """The type of the variable's values."""
        node = self.nodes[tensor_of(tensor)[0]]
        return int(node.attr["dtype" if node.op in VARIABLES else "T"].type)


def without_references(
    graph: Any, outputs: list[str], is_reference: IsReference
) -> tuple[Any, dict[str, str]]:
    """Rewrite a GraphDef, in place, so that it holds no reference.

    Args:
        graph: What `cut` made.
        outputs: Names of the tensors that will be fetched.
        is_reference: Whether an op, by name, takes a reference as the input
            of this number.

    Returns:
        The GraphDef, and what each output is called in it.

    Raises:
        LoadError: An op that writes variables has no counterpart.
    """
    old = type(graph)()
    old.CopyFrom(graph)
    work = _Rewriting({node.name: node for node in old.node}, is_reference)
    for node in graph.node:
        node.op = TABLES.get(node.op, node.op)
        _rewrite(node, work)
    fetched = {}
    for tensor in outputs:
        name = tensor_of(tensor)[0]
        is_read = ":" in tensor and work.handle(tensor) and work.nodes[name].op != "RefIdentity"
        value = f"{name}/cpr_value_{tensor_of(tensor)[1]}"
        fetched[tensor] = f"{work.read(tensor, value, [])}:0" if is_read else tensor
    graph.node.extend(work.added)
    return graph, fetched


def _rewrite(node: Any, work: _Rewriting) -> None:
    data = [name for name in node.input if not name.startswith("^")]
    controls = list(node.input)[len(data) :]
    first = work.handle(data[0]) if data else None
    if node.op in VARIABLES:
        node.op = "VarHandleOp"
        _keep(node, {"dtype", "shape", "container", "shared_name"})
    elif first and node.op in _ALIASES:
        dtype = work.dtype(data[0])
        writer = work.nodes[tensor_of(data[0])[0]]
        after = [f"^{writer.name}"] if writer.op in _WRITES else []
        node.op = "ReadVariableOp"
        _keep(node, set())
        node.attr["dtype"].type = dtype
        _set_inputs(node, [first, *after, *controls])
    elif first and (node.op in _WRITES or node.op in _ASKS):
        new = _WRITES.get(node.op) or _ASKS[node.op]
        _take_handle(node, new, work.dtype(data[0]))
        rest = _values(node, data, work, controls, start=1)
        _set_inputs(node, [first, *rest, *controls])
    elif node.op in _FLOWS:
        node.op = _FLOWS[node.op]
        node.attr["T"].type = _RESOURCE
        _set_inputs(node, [*(work.handle(name) or name for name in data), *controls])
    else:
        _set_inputs(node, [*_values(node, data, work, controls), *controls])


def _values(
    node: Any, data: list[str], work: _Rewriting, controls: list[str], *, start: int = 0
) -> list[str]:
    """The inputs from `start` on, with reads for those that refer to variables."""
    values = []
    for index, name in enumerate(data[start:], start):
        if not work.handle(name):
            values.append(name)
            continue
        if work.is_reference(node.name, index):
            raise LoadError(
                f"The op {node.op} ({node.name}) writes a reference variable; TensorFlow 2 has "
                "no op for that in a saved function.",
                hint="Leave out the signature that needs it; serving needs no training op.",
            )
        values.append(work.read(name, f"{node.name}/cpr_read_{index}", controls))
    return values


def _take_handle(node: Any, op: str, dtype: int) -> None:
    node.op = op
    if op == "VarIsInitializedOp":
        _keep(node, set())
    elif "Nd" in op or op == "ResourceCountUpTo":
        node.attr["T"].type = dtype
    else:
        _keep(node, set(node.attr) - _DROPPED - {"T"})
        node.attr["dtype"].type = dtype


def _keep(node: Any, names: set[str]) -> None:
    for name in set(node.attr) - names:
        del node.attr[name]


def _set_inputs(node: Any, names: list[str]) -> None:
    del node.input[:]
    node.input.extend(names)
