"""Has a graph restore fewer variables.

A restoration that goes leaves behind the outputs of ``RestoreV2`` that it read,
and in a function of TensorFlow 2 the argument for its variable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

from cpr.savedmodel import protos
from cpr.savedmodel.cleaning.graph_plan import GraphPlan
from cpr.savedmodel.reach import is_control, node_of
from cpr.savedmodel.restores import Unclear, called_function, constant_strings
from cpr.savedmodel.trackables import OBJECT_GRAPH_KEY

_STRING = protos.DataType.Value("DT_STRING")
_READ_ONLY = "_read_only_resource_inputs"


def cut_restore_function(meta_graph: protos.Message, plan: GraphPlan) -> None:
    """Take the restorations that go out of the function that restores, if there is one."""
    restore = node_of(meta_graph.saver_def.restore_op_name)
    call = next(node for node in meta_graph.graph_def.node if node.name == restore)
    function = called_function(meta_graph, call)
    gone = {item.node for item in plan.dropped}
    if function is None or not gone:
        return
    for node in function.node_def:
        for place in reversed(range(len(node.input))):
            if is_control(node.input[place]) and node_of(node.input[place]) in gone:
                del node.input[place]
    for key in [key for key, name in function.control_ret.items() if name in gone]:
        del function.control_ret[key]
        function.signature.control_output.remove(key)
    _sweep(function, gone)
    narrow_restores(
        function.node_def,
        lambda name, place: f"{name}:tensors:{place}",
        always=[OBJECT_GRAPH_KEY],
        returned=function.ret.values(),
    )
    _cut_arguments(function, call)


def narrow_restores(
    body: Any,
    reference: Callable[[str, int], str],
    *,
    always: Collection[str] = (),
    returned: Collection[str] = (),
) -> None:
    """Leave to each ``RestoreV2`` the outputs that are read.

    Args:
        body: The nodes of the graph or of a function.
        reference: How an output of a node is written in an input.
        always: Names that are restored though nothing reads them.
        returned: What else reads outputs.
    """
    nodes = {node.name: node for node in body}
    # Old graphs have a RestoreV2 for each variable: what reads them is looked for once.
    read: dict[str, set[str]] = {}
    for node in body:
        for text in node.input:
            read.setdefault(node_of(text), set()).add(text)
    gone: set[str] = set()
    for node in [node for node in body if node.op == "RestoreV2"]:
        values = [constant_strings(nodes.get(node_of(text))) for text in node.input[1:3]]
        names = values[0]
        if names is None or values[1] is None:
            continue  # it reads no variables of the model, but a checkpoint of another
        written = [reference(node.name, place) for place in range(len(names))]
        aliases = {node.name: written[0], f"{node.name}:0": written[0]}
        inputs = {aliases.get(text, text) for text in read.get(node.name, ())}
        kept = [
            place
            for place, text in enumerate(written)
            if text in inputs or text in returned or names[place].decode() in always
        ]
        if not kept:
            gone.add(node.name)
        elif len(kept) < len(names):
            moved = {written[old]: written[new] for new, old in enumerate(kept)}
            moved |= {alias: moved[text] for alias, text in aliases.items() if text in moved}
            _move(body, node.name, moved)
            _narrow(body, nodes, node, kept)
    if gone:
        _take_out(body, gone)


def _move(body: Any, name: str, moved: dict[str, str]) -> None:
    for node in body:
        for place, text in enumerate(node.input):
            if node_of(text) == name and not is_control(text):
                node.input[place] = moved[text]


def _take_out(body: Any, names: Collection[str]) -> None:
    """Take out nodes of which nothing reads an output."""
    for place in reversed(range(len(body))):
        node = body[place]
        if node.name in names:
            del body[place]
            continue
        for number in reversed(range(len(node.input))):
            if node_of(node.input[number]) in names:
                del node.input[number]


def _narrow(body: Any, nodes: dict[str, Any], node: protos.Message, kept: list[int]) -> None:
    types = list(node.attr["dtypes"].list.type)
    node.attr["dtypes"].list.type[:] = [types[place] for place in kept]
    node.attr.pop("_output_shapes", None)
    readers = Counter(node_of(text) for other in body for text in other.input)
    for number in (1, 2):
        constant = nodes[node_of(node.input[number])]
        values = constant_strings(constant) or []
        chosen = [values[place] for place in kept]
        if readers[constant.name] > 1:
            copy = body.add()
            copy.CopyFrom(constant)
            copy.name = f"{node.name}/kept_{number}"
            node.input[number] = node.input[number].replace(constant.name, copy.name, 1)
            constant = copy
        _set_strings(constant, chosen)


def _set_strings(constant: protos.Message, values: list[bytes]) -> None:
    tensor = constant.attr["value"].tensor
    tensor.Clear()
    tensor.dtype = _STRING
    tensor.tensor_shape.dim.add(size=len(values))
    tensor.string_val.extend(values)
    constant.attr.pop("_output_shapes", None)


def _sweep(function: protos.Message, gone: set[str]) -> None:
    """Take nodes out, and what was there for them only."""
    nodes = {node.name: node for node in function.node_def}
    readers = Counter(node_of(text) for node in function.node_def for text in node.input)
    returned = [*function.ret.values(), *function.control_ret.values()]
    readers.update(node_of(text) for text in returned)
    if any(readers[name] for name in gone):
        raise Unclear(f"something in {function.signature.name} waits for what is not needed")
    waiting = list(gone)
    out: set[str] = set()
    while waiting:
        name = waiting.pop()
        out.add(name)
        for text in nodes[name].input:
            before = node_of(text)
            readers[before] -= 1
            # Arguments are no nodes; what restores goes by its outputs.
            if before in nodes and not readers[before] and nodes[before].op != "RestoreV2":
                waiting.append(before)
    for place in reversed(range(len(function.node_def))):
        if function.node_def[place].name in out:
            del function.node_def[place]


def _cut_arguments(function: protos.Message, call: protos.Message) -> None:
    """Take out the arguments that nothing reads any more, and what the call gives for them."""
    read = {node_of(text) for node in function.node_def for text in node.input}
    read |= {node_of(text) for text in function.ret.values()}
    arguments = function.signature.input_arg
    kept = [place for place, item in enumerate(arguments) if item.name in read]
    places = {old: new for new, old in enumerate(kept)}
    count = len(arguments)
    for place in reversed(range(count)):
        if place not in places:
            del arguments[place]
            del call.input[place]
            del call.attr["Tin"].list.type[place]
    for numbered in (function.arg_attr, function.resource_arg_unique_id):
        _renumber(numbered, places)
    shapes = function.attr["_input_shapes"].list.shape if "_input_shapes" in function.attr else []
    if len(shapes) == count:
        for place in reversed(range(count)):
            if place not in places:
                del shapes[place]
    if _READ_ONLY in call.attr:
        numbers = call.attr[_READ_ONLY].list.i
        numbers[:] = [places[number] for number in numbers if number in places]


def _renumber(numbered: Any, places: dict[int, int]) -> None:
    """Move the values of a map by argument to the arguments' new places."""
    values = {
        place: value if isinstance(value, int) else value.SerializeToString()
        for place, value in numbered.items()
    }
    numbered.clear()
    for old, new in places.items():
        if old not in values:
            continue
        value = values[old]
        if isinstance(value, int):
            numbered[new] = value
        else:
            numbered[new].MergeFromString(value)
