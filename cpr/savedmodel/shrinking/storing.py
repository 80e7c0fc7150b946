"""Moves large constants of a graph into ``variables/``, packed.

A constant in a graph could be unpacked by operations that follow it, but these
would run at every call: TensorFlow computes only small constants when it loads
a graph. So the constant becomes a variable that the graph restores, unpacks
once and only reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cpr.savedmodel.meta_graph import assets
from cpr.savedmodel.protos import DataType, Message, VariableDef
from cpr.savedmodel.reach import node_of, signature_nodes
from cpr.savedmodel.shrinking.nodes import Body, bodies, constant, shape_value
from cpr.savedmodel.shrinking.packing import FLOATS, SMALLEST, Packed
from cpr.savedmodel.shrinking.restoring import packed_names, unpack
from cpr.wire.tensors import Array

_SCOPE = "cpr_constants"
_DT_STRING = DataType.Value("DT_STRING")
_V2 = 2  # of SaverDef.CheckpointFormatVersion

Pack = Callable[[Array, int], "Packed | None"]


def store_constants(model: Message, pack: Pack) -> dict[str, Packed]:
    """Have all graphs of TensorFlow 1 restore what `pack` packs of their constants.

    Args:
        model: The SavedModel message, which is changed in place.
        pack: Is given every constant that may be packed; None leaves it.

    Returns:
        What is to be written to ``variables/``, by name.
    """
    done: dict[str, Packed] = {}
    for number, meta_graph in enumerate(model.meta_graphs):
        if meta_graph.object_graph_def.nodes:
            continue
        packed = {
            node.name: one
            for node, values in _constants(meta_graph)
            if (one := pack(values, node.attr["dtype"].type))
            and one.size < node.attr["value"].ByteSize()
        }
        keys = {name: f"{_SCOPE}/{number}_{place}" for place, name in enumerate(packed)}
        if packed:
            _restore(meta_graph, packed, keys)
        done.update({keys[name]: one for name, one in packed.items()})
    return done


def held_by_functions(meta_graph: Message, pack: Pack) -> int:
    """The bytes of the constants that could be packed if they were not in functions."""
    found = bodies(meta_graph)
    if not meta_graph.object_graph_def.nodes:
        next(found)
    return sum(
        values.nbytes
        for body in found
        for node in body.nodes
        if node.ByteSize() > SMALLEST
        and (values := constant(node)) is not None
        and node.attr["dtype"].type in FLOATS
        and pack(values, node.attr["dtype"].type)
    )


def _constants(meta_graph: Message) -> Iterator[tuple[Message, Array]]:
    """The constants that only nodes of the graph read, wherever they are."""
    kept = {*signature_nodes(meta_graph), *(node_of(one.tensor) for one in assets(meta_graph))}
    for node in meta_graph.graph_def.node:
        # One that waits for others is inside a loop or a branch.
        if node.op == "Const" and node.name not in kept and not node.input:
            values = constant(node)
            if values is not None and node.attr["dtype"].type in FLOATS:
                yield node, values


def _restore(meta_graph: Message, packed: dict[str, Packed], keys: dict[str, str]) -> None:
    """Make variables of constants, which are restored with the others if there are any."""
    body = Body(meta_graph.graph_def.node)
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    saver = meta_graph.saver_def
    before = node_of(saver.restore_op_name) if saver.restore_op_name else ""
    if not saver.filename_tensor_name:
        _strings(body, f"{_SCOPE}/file", [b"model"], is_list=False)
        saver.filename_tensor_name = saver.save_tensor_name = f"{_SCOPE}/file:0"
        saver.version = _V2
    names: list[bytes] = []
    dtypes: list[int] = []
    done = []
    for name, one in packed.items():
        stored, scale = packed_names(keys[name])
        place = len(names)
        names.append(stored.encode())
        dtypes.append(one.dtype)
        if one.scale:
            names.append(scale.encode())
            dtypes.append(one.unpacked_dtype)
        handle = _variable(body, nodes[name], one)
        value = unpack(
            body, f"{_SCOPE}/restore:{place}", f"{_SCOPE}/restore:{place + 1}", one,
            name=f"{handle}/unpack",
        )  # fmt: skip
        types = {"dtype": one.unpacked_dtype}
        assigned = body.add("AssignVariableOp", f"{handle}/assign", [handle, value], types=types)
        done.append(assigned.name)
        _collect(meta_graph.collection_def["variables"], name, handle, assigned.name)
    _strings(body, f"{_SCOPE}/names", names)
    _strings(body, f"{_SCOPE}/slices", [b""] * len(names))
    inputs = [node_of(saver.filename_tensor_name), f"{_SCOPE}/names", f"{_SCOPE}/slices"]
    restore = body.add("RestoreV2", f"{_SCOPE}/restore", inputs)
    restore.attr["dtypes"].list.type.extend(dtypes)
    waited = [f"^{one}" for one in ([before] if before else []) + done]
    body.add("NoOp", f"{_SCOPE}/restored", waited)
    saver.restore_op_name = f"{_SCOPE}/restored"


def _variable(body: Body, node: Message, packed: Packed) -> str:
    """Have a constant's node read a new variable, whose name is returned."""
    name, device = node.name, node.device
    handle = body.add("VarHandleOp", f"{name}/{_SCOPE}", device=device)
    handle.attr["dtype"].type = packed.unpacked_dtype
    handle.attr["shape"].CopyFrom(shape_value(packed.shape))
    handle.attr["shared_name"].s = handle.name.encode()
    node.Clear()
    node.name, node.op, node.device = name, "ReadVariableOp", device
    node.input.append(handle.name)
    node.attr["dtype"].type = packed.unpacked_dtype
    return str(handle.name)


def _collect(collection: Message, reader: str, handle: str, assigned: str) -> None:
    """Have TensorFlow 2 know the variable, and make one of its own for each model loaded."""
    variable = VariableDef(
        variable_name=f"{handle}:0",
        initializer_name=assigned,
        snapshot_name=f"{reader}:0",
        is_resource=True,
    )
    collection.bytes_list.value.append(variable.SerializeToString())


def _strings(body: Body, name: str, values: list[bytes], *, is_list: bool = True) -> None:
    node = body.add("Const", name, types={"dtype": _DT_STRING})
    tensor = node.attr["value"].tensor
    tensor.dtype = _DT_STRING
    tensor.tensor_shape.SetInParent()
    if is_list:
        tensor.tensor_shape.dim.add(size=len(values))
    tensor.string_val.extend(values)
