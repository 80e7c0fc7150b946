"""Which variable of the graph is restored from which name in ``variables/``.

``RestoreV2`` reads tensors by their names; further on, an assignment (or an
import, for a table) puts each into its variable. TensorFlow 1 has these nodes
in the graph, TensorFlow 2 in a function that the graph calls. The last node,
which takes both the tensor and the variable, is called a restoration here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cpr.savedmodel import protos
from cpr.savedmodel.reach import is_control, is_state, node_of, reach

_RESOURCE = protos.DataType.Value("DT_RESOURCE")
_STRING = protos.DataType.Value("DT_STRING")
# Names of variables in a graph; a constant of a few bytes may claim any number.
_MOST = 1_000_000
_OLD = {"Restore", "RestoreSlice"}
# Python refuses to read longer ones, and other digits.
_NUMBER = re.compile(r"[0-9]{1,9}")
# What hands on the handle of a variable.
_PASSING = {"Identity", "RefIdentity", "Enter", "RefEnter", "Switch", "RefSwitch"}


class Unclear(Exception):
    """How the graph restores its variables cannot be told; the message says what is in the way."""


@dataclass(frozen=True)
class Restoration:
    """A node that puts tensors of ``variables/`` into a variable or table.

    Attributes:
        node: Its name.
        keys: The names of the tensors.
        targets: The nodes of the variables in the graph.
        function: The function that it is in; "" for the graph itself.
    """

    node: str
    keys: tuple[str, ...]
    targets: tuple[str, ...]
    function: str = ""


def restorations(meta_graph: protos.Message) -> list[Restoration]:
    """Every restoration that the saver's restore operation runs.

    Raises:
        Unclear: The names are computed, the functions nest, or the operations are
            those of a time before TensorFlow 1.
    """
    graph = meta_graph.graph_def
    nodes = {node.name: node for node in graph.node}
    restore = nodes.get(node_of(meta_graph.saver_def.restore_op_name))
    if restore is None:
        return []
    function = called_function(meta_graph, restore)
    if function is None:
        run = reach(meta_graph, [restore.name]).nodes
        return list(_in_body([node for node in graph.node if node.name in run], nodes))
    bodies = {node.name: node for node in function.node_def}
    handles = [node_of(text) for text in restore.input if not is_control(text)]
    arguments = [
        argument.name if argument.type == _RESOURCE else ""
        for argument in function.signature.input_arg
    ]
    places = dict(zip(arguments, handles, strict=False))
    found = list(_in_body(function.node_def, bodies, set(places) - {""}))
    if own := [name for item in found for name in item.targets if name not in places]:
        raise Unclear(f"the function that restores has a variable of its own, {own[0]}")
    return [
        Restoration(
            item.node,
            item.keys,
            tuple(places[name] for name in item.targets),
            function.signature.name,
        )
        for item in found
    ]


def called_function(meta_graph: protos.Message, node: protos.Message) -> protos.Message | None:
    """The function of the library that a node calls, if it is a call."""
    if "f" not in node.attr:
        return None
    name = node.attr["f"].func.name
    library = meta_graph.graph_def.library.function
    return next((item for item in library if item.signature.name == name), None)


def constant_strings(node: protos.Message | None) -> list[bytes] | None:
    """The values of a constant list of strings, None if the node is none."""
    if node is None or node.op != "Const":
        return None
    tensor = node.attr["value"].tensor
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    values = list(tensor.string_val)
    if tensor.dtype != _STRING or len(sizes) != 1 or not 0 < len(values) <= sizes[0]:
        return None
    if sizes[0] > max(len(values), _MOST):
        return None
    # A tensor whose last values are all the same holds them once.
    return values + [values[-1]] * (sizes[0] - len(values))


def _in_body(
    body: Sequence[protos.Message], nodes: dict[str, Any], arguments: Collection[str] = ()
) -> Iterator[Restoration]:
    flows = _flows(body, nodes)
    for node in body:
        data = [text for text in node.input if not is_control(text)]
        keys = [key for text in data for key in _keys(text, flows)]
        if not keys:
            continue
        handles = (text for text in data if not _keys(text, flows))
        targets = states_of(handles, nodes, arguments)
        if targets:
            yield Restoration(node.name, tuple(dict.fromkeys(keys)), tuple(targets))


def states_of(
    references: Iterable[str], nodes: dict[str, Any], arguments: Collection[str] = ()
) -> list[str]:
    """The variables and tables that references lead to: nodes, or arguments of a function."""
    return [name for text in references if (name := _state(text, nodes, arguments))]


def _flows(body: Sequence[protos.Message], nodes: dict[str, Any]) -> dict[str, Any]:
    """What of ``variables/`` each node hands on: a list by output of RestoreV2, else a set."""
    found: dict[str, Any] = {}
    readers: dict[str, list[protos.Message]] = {}
    for node in body:
        for text in node.input:
            if not is_control(text):
                readers.setdefault(node_of(text), []).append(node)
    waiting = []
    total = 0
    for node in body:
        if node.op in _OLD:
            raise Unclear(f"{node.name} is of the first format of checkpoints")
        if node.op == "RestoreV2":
            names, slices = (constant_strings(nodes.get(name)) for name in _names_of(node))
            if names is None or slices is None:
                raise Unclear(f"the names that {node.name} restores are computed")
            total += len(names)
            if total > _MOST:
                raise Unclear(f"more than {_MOST:,} names are restored")
            found[node.name] = [name.decode("utf-8", errors="replace") for name in names]
            waiting += readers.get(node.name, [])
    while waiting:
        node = waiting.pop()
        if node.op == "RestoreV2":
            raise Unclear(f"{node.name} restores by a restored name")
        keys = {key for text in node.input if not is_control(text) for key in _keys(text, found)}
        if keys != found.get(node.name):
            found[node.name] = keys
            waiting += readers.get(node.name, [])
    return found


def _names_of(node: protos.Message) -> tuple[str, str]:
    """The nodes of the names and of the slices that a RestoreV2 reads."""
    if len(node.input) < 3:
        raise Unclear(f"{node.name} lacks inputs")
    return node_of(node.input[1]), node_of(node.input[2])


def _keys(reference: str, flows: dict[str, Any]) -> tuple[str, ...]:
    flow = flows.get(node_of(reference), ())
    if not isinstance(flow, list):
        return tuple(sorted(flow))
    place = reference.rpartition(":")[2] if ":" in reference else "0"
    if not _NUMBER.fullmatch(place) or int(place) >= len(flow):
        raise Unclear(f"{reference} is no output")
    return (flow[int(place)],)


def _state(reference: str, nodes: dict[str, Any], arguments: Collection[str]) -> str:
    """The variable or table that a reference leads to, if it does."""
    for _ in range(len(nodes) + 1):
        name = node_of(reference)
        if name in arguments:
            return name
        node = nodes.get(name)
        if node is None:
            return ""
        if is_state(node):
            return name
        if node.op not in _PASSING:
            return ""
        reference = node.input[0]
    return ""
