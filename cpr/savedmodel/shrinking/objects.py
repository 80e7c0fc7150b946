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

from collections.abc import Mapping
from dataclasses import dataclass

from cpr.savedmodel.protos import DataType, Message
from cpr.savedmodel.shrinking.nodes import Body, shape_value
from cpr.savedmodel.shrinking.packing import DT_INT32, Packed
from cpr.savedmodel.shrinking.restoring import packed_names, unpack
from cpr.savedmodel.trackables import same_objects

CHILD = "_cpr_packed_weights"
"""The name under which the root object holds packed tensors; a number may follow."""

_VALUE = "VARIABLE_VALUE"
_DT_RESOURCE = DataType.Value("DT_RESOURCE")
_KERAS = "_tf_keras_"


@dataclass(frozen=True)
class _Added:
    """A variable: which object it is, and what it holds."""

    node_id: int
    dtype: int
    shape: tuple[int, ...]


def object_values(objects: Message, trackables: Message) -> dict[str, tuple[int, ...]]:
    """The variables of the object graph: name in ``variables/`` -> indices of the objects.

    Several objects may have one value. A name that stands for anything but the
    values of variables is not among them.
    """
    found: dict[str, tuple[int, ...]] = {}
    others: set[str] = set()
    for node_id, trackable_id in same_objects(objects, trackables).items():
        is_variable = objects.nodes[node_id].WhichOneof("kind") == "variable"
        for attribute in trackables.nodes[trackable_id].attributes:
            key = attribute.checkpoint_key
            if not is_variable or attribute.name != _VALUE:
                others.add(key)
            found[key] = (*found.get(key, ()), node_id)
    return {key: nodes for key, nodes in found.items() if key not in others}


def unpack_when_loaded(
    meta_graph: Message, trackables: Message, packed: Mapping[str, Packed]
) -> None:
    """Add to both graphs of objects what unpacks the packed weights."""
    objects = meta_graph.object_graph_def
    places = object_values(objects, trackables)
    paired = same_objects(objects, trackables)
    holder = _Holder(objects, trackables)
    body = _function(meta_graph, "initializer")
    bound = _concrete(objects, body).bound_inputs
    done = []
    for place, (key, one) in enumerate(packed.items()):
        packed_name, scale_name = packed_names(key)
        if key not in places:  # only the graph restores it
            continue
        sources = [holder.add(packed_name, one.dtype, one.shape)]
        if one.scale:
            sources.append(holder.add(scale_name, one.unpacked_dtype, one.scale_shape))
        targets = [_Added(node, one.unpacked_dtype, one.shape) for node in places[key]]
        for target in targets:
            del trackables.nodes[paired[target.node_id]].attributes[:]
        names = [
            _argument(body, f"weight_{place}_{number}", item)
            for number, item in enumerate([*sources, *targets])
        ]
        bound.extend(item.node_id for item in [*sources, *targets])
        count = len(sources)
        done += _assign(body, names[:count], names[count:], one, place)
    _finish(meta_graph, holder.node_id, body, done)


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


class _Holder:
    """A new object of the root, in both graphs, that holds variables for packed tensors."""

    def __init__(self, objects: Message, trackables: Message) -> None:
        self._objects, self._trackables = objects, trackables
        self.node_id, self._tracked = len(objects.nodes), len(trackables.nodes)
        taken = {child.local_name for child in objects.nodes[0].children}
        names = (f"{CHILD}_{number}" if number else CHILD for number in range(len(taken) + 1))
        name = next(name for name in names if name not in taken)
        objects.nodes[0].children.add(node_id=self.node_id, local_name=name)
        objects.nodes.add().resource.SetInParent()
        trackables.nodes[0].children.add(node_id=self._tracked, local_name=name)
        trackables.nodes.add()

    def add(self, name: str, dtype: int, shape: tuple[int, ...]) -> _Added:
        """A variable whose value is `name` in ``variables/``."""
        own = self._objects.nodes[self.node_id].children
        local = f"packed_{len(own)}"
        added = _Added(len(self._objects.nodes), dtype, shape)
        own.add(node_id=added.node_id, local_name=local)
        variable = self._objects.nodes.add().variable
        variable.dtype, variable.name = dtype, local
        variable.shape.CopyFrom(shape_value(shape).shape)
        siblings = self._trackables.nodes[self._tracked].children
        siblings.add(node_id=len(self._trackables.nodes), local_name=local)
        self._trackables.nodes.add().attributes.add(
            name=_VALUE, full_name=local, checkpoint_key=name
        )
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


def _assign(
    body: Body, names: list[str], targets: list[str], packed: Packed, place: int
) -> list[str]:
    """The nodes that read packed tensors and assign what they stand for; the last of them."""
    read = []
    for name, dtype in zip(names, (packed.dtype, packed.unpacked_dtype), strict=False):
        node = body.add("ReadVariableOp", f"read_{name}", [name], types={"dtype": dtype})
        read.append(body.output(node.name, "value"))
    value = unpack(body, read[0], read[-1], packed, name=f"unpack_{place}")
    types = {"dtype": packed.unpacked_dtype}
    return [
        str(body.add("AssignVariableOp", f"assign_{target}", [target, value], types=types).name)
        for target in targets
    ]


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
