"""Has ``tf.saved_model.load`` unpack weights, once, when the model is loaded.

What TensorFlow 2 makes of a SavedModel is a graph of objects; the values of
variables come from ``variables/`` through a second graph of objects, kept
there as a tensor. A packed weight's variable stays what it was, so that every
function goes on reading it, but the second graph has no value for it any
more. Its packed tensors become variables of a new object, a resource, whose
``_initialize`` assigns the unpacked values: that is what tables do to be
filled, and every TensorFlow 2 calls it after it has restored the variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cpr.savedmodel.protos import DataType, Message
from cpr.savedmodel.shrinking.nodes import Body, shape_value
from cpr.savedmodel.shrinking.packing import DT_INT32, Packed
from cpr.savedmodel.shrinking.restoring import packed_names, unpack

CHILD = "_cpr_packed_weights"
"""The name under which the root object holds packed tensors; a number may follow."""

_VALUE = "VARIABLE_VALUE"
_DT_RESOURCE = DataType.Value("DT_RESOURCE")
_KERAS = "_tf_keras_"


@dataclass(frozen=True)
class _Added:
    """A variable for a packed tensor: where it is, and what it is."""

    node_id: int
    dtype: int
    shape: tuple[int, ...]


def object_values(objects: Message, trackables: Message) -> dict[str, int]:
    """The variables of the object graph: name in ``variables/`` -> index of the object.

    A name that stands for anything but the value of one variable is not among
    them.
    """
    found: dict[str, int] = {}
    twice: set[str] = set()
    for node_id, trackable_id in _same_nodes(objects, trackables):
        for attribute in trackables.nodes[trackable_id].attributes:
            key = attribute.checkpoint_key
            is_value = objects.nodes[node_id].WhichOneof("kind") == "variable"
            if not is_value or attribute.name != _VALUE or key in found:
                twice.add(key)
            found[key] = node_id
    return {key: node_id for key, node_id in found.items() if key not in twice}


def unpack_when_loaded(
    meta_graph: Message, trackables: Message, packed: Mapping[str, Packed]
) -> None:
    """Add to both graphs of objects what unpacks the packed weights."""
    objects = meta_graph.object_graph_def
    places = object_values(objects, trackables)
    paired = dict(_same_nodes(objects, trackables))
    holder, tracked = len(objects.nodes), len(trackables.nodes)
    name = _free_name(objects)
    objects.nodes[0].children.add(node_id=holder, local_name=name)
    objects.nodes.add().resource.SetInParent()
    trackables.nodes[0].children.add(node_id=tracked, local_name=name)
    trackables.nodes.add()
    body = _function(meta_graph, "initializer")
    done = []
    for place, (key, one) in enumerate(packed.items()):
        target = places[key]
        del trackables.nodes[paired[target]].attributes[:]
        packed_name, scale_name = packed_names(key)
        stored = _add_variable(
            objects, trackables, holder, tracked, packed_name, one.dtype, one.shape
        )
        names = [_argument(body, f"stored_{place}", stored)]
        bound = [stored.node_id]
        if one.scale:
            scale = _add_variable(
                objects,
                trackables,
                holder,
                tracked,
                scale_name,
                one.unpacked_dtype,
                one.scale_shape,
            )
            names.append(_argument(body, f"scale_{place}", scale))
            bound.append(scale.node_id)
        made = _Added(target, one.unpacked_dtype, one.shape)
        done.append(_assign(body, names, _argument(body, f"variable_{place}", made), one, place))
        _concrete(objects, body).bound_inputs.extend([*bound, target])
    _finish(meta_graph, holder, body, done)


def forget_keras(objects: Message) -> bool:
    """Have Keras take the model for what it now is, a plain SavedModel.

    Keras would build its layers anew and read their values by name, which are
    not there any more. Whether there was anything to forget is returned.
    """
    is_found = False
    for node in objects.nodes:
        if node.user_object.identifier.startswith(_KERAS):
            node.user_object.identifier = "_generic_user_object"
            node.user_object.metadata = ""
            is_found = True
    return is_found


def _same_nodes(objects: Message, trackables: Message) -> Iterator[tuple[int, int]]:
    """Which object of one graph is which of the other, by the names that lead to it."""
    seen: set[int] = set()
    waiting = [(0, 0)] if objects.nodes and trackables.nodes else []
    while waiting:
        here, there = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        yield here, there
        names = {child.local_name: child.node_id for child in trackables.nodes[there].children}
        waiting.extend(
            (child.node_id, names[child.local_name])
            for child in objects.nodes[here].children
            if child.local_name in names
        )


def _free_name(objects: Message) -> str:
    taken = {child.local_name for child in objects.nodes[0].children}
    names = (CHILD if not number else f"{CHILD}_{number}" for number in range(len(taken) + 1))
    return next(name for name in names if name not in taken)


def _add_variable(
    objects: Message,
    trackables: Message,
    holder: int,
    tracked: int,
    name: str,
    dtype: int,
    shape: tuple[int, ...],
) -> _Added:
    """A variable of the holder, in both graphs, whose value is `name` in ``variables/``."""
    local = f"packed_{len(objects.nodes[holder].children)}"
    added = _Added(len(objects.nodes), dtype, shape)
    objects.nodes[holder].children.add(node_id=added.node_id, local_name=local)
    variable = objects.nodes.add().variable
    variable.dtype, variable.name = dtype, local
    variable.shape.CopyFrom(shape_value(shape).shape)
    trackables.nodes[tracked].children.add(node_id=len(trackables.nodes), local_name=local)
    trackables.nodes.add().attributes.add(name=_VALUE, full_name=local, checkpoint_key=name)
    return added


def _function(meta_graph: Message, role: str) -> Body:
    """A new, empty function, and the record of it in the object graph."""
    library = meta_graph.graph_def.library
    taken = {function.signature.name for function in library.function}
    number = next(
        number
        for number in range(len(taken) + 1)
        if f"__inference__cpr_{role}_{number}" not in taken
    )
    function = library.function.add()
    function.signature.name = f"__inference__cpr_{role}_{number}"
    function.signature.is_stateful = True
    body = Body(function.node_def, function)
    concrete = _concrete(meta_graph.object_graph_def, body)
    inputs = concrete.canonicalized_input_signature.tuple_value
    inputs.values.add().tuple_value.SetInParent()
    inputs.values.add().dict_value.SetInParent()
    return body


def _concrete(objects: Message, body: Body) -> Message:
    assert body.function is not None
    return objects.concrete_functions[body.function.signature.name]


def _argument(body: Body, name: str, variable: _Added) -> str:
    assert body.function is not None
    argument = body.function.signature.input_arg.add(name=name, type=_DT_RESOURCE)
    handle = argument.handle_data.add(dtype=variable.dtype)
    handle.shape.CopyFrom(shape_value(variable.shape).shape)
    return name


def _assign(body: Body, names: list[str], target: str, packed: Packed, place: int) -> str:
    """The nodes that read packed tensors and assign what they stand for."""
    read = []
    for name, dtype in zip(names, (packed.dtype, packed.unpacked_dtype), strict=False):
        node = body.add("ReadVariableOp", f"read_{name}", [name], types={"dtype": dtype})
        read.append(body.output(node.name, "value"))
    value = unpack(body, read[0], read[-1], packed, name=f"unpack_{place}")
    node = body.add(
        "AssignVariableOp",
        f"assign_{place}",
        [target, value],
        types={"dtype": packed.unpacked_dtype},
    )
    return str(node.name)


def _finish(meta_graph: Message, holder: int, body: Body, done: list[str]) -> None:
    """Give the holder its three functions, as TensorFlow expects a resource to have."""
    objects = meta_graph.object_graph_def
    creator, destroyer = _function(meta_graph, "creator"), _function(meta_graph, "destroyer")
    handle = creator.add("VarHandleOp", "handle", types={"dtype": DT_INT32})
    handle.attr["shape"].CopyFrom(shape_value(()))
    handle.attr["shared_name"].s = CHILD.encode()
    _return(objects, creator, creator.output("handle", "resource"), _DT_RESOURCE, [])
    for one, before in ((body, done), (destroyer, [])):
        constant = one.add("Const", "one", types={"dtype": DT_INT32})
        constant.attr["value"].tensor.dtype = DT_INT32
        constant.attr["value"].tensor.tensor_shape.SetInParent()
        constant.attr["value"].tensor.int_val.append(1)
        _return(objects, one, one.output("one", "output"), DT_INT32, before)
    for name, one in (
        ("_create_resource", creator),
        ("_initialize", body),
        ("_destroy_resource", destroyer),
    ):
        assert one.function is not None
        objects.nodes[holder].children.add(node_id=len(objects.nodes), local_name=name)
        _describe(objects.nodes.add().function, one.function.signature.name)


def _return(objects: Message, body: Body, value: str, dtype: int, before: list[str]) -> None:
    """Have a function return a value, after the nodes `before` are done."""
    assert body.function is not None
    body.add("Identity", "result", [value, *(f"^{name}" for name in before)], types={"T": dtype})
    body.function.signature.output_arg.add(name="identity", type=dtype)
    body.function.ret["identity"] = body.output("result", "output")
    for name in before:
        body.function.signature.control_output.append(name)
        body.function.control_ret[name] = name
    output = _concrete(objects, body).output_signature.tensor_spec_value
    output.name, output.dtype = "unknown", dtype
    output.shape.SetInParent()


def _describe(function: Message, concrete: str) -> None:
    """The record of a function without parameters."""
    function.concrete_functions.append(concrete)
    spec = function.function_spec
    named = spec.fullargspec.named_tuple_value
    named.name = "FullArgSpec"
    for key in ("args", "kwonlyargs"):
        named.values.add(key=key).value.list_value.SetInParent()
    for key in ("varargs", "varkw", "defaults", "kwonlydefaults"):
        named.values.add(key=key).value.none_value.SetInParent()
    named.values.add(key="annotations").value.dict_value.SetInParent()
    spec.input_signature.tuple_value.SetInParent()
