"""Edits a MetaGraph's restore operations so that packed weights come out whole.

``RestoreV2`` reads tensors by name from ``variables/`` and an assignment puts
each into its variable. Between the two go a cast and, for int8, a
multiplication: the variable itself, and all that reads it, stay as they are.
This is the whole construction for whoever restores by the graph: graphs of
TensorFlow 1, Estimators, ``tf.compat.v1.saved_model.load``, TensorFlow
Serving, and ``tf.saved_model.load`` of a graph of TensorFlow 1. What
``tf.saved_model.load`` makes of objects is in ``objects.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cpr.savedmodel.protos import Message
from cpr.savedmodel.restores import constant_strings
from cpr.savedmodel.shrinking.nodes import Body, bodies
from cpr.savedmodel.shrinking.packing import Packed

# What TensorFlow 2 lets the name of a variable's value end in; it must stay there.
_PACKED, _SCALE = ".cpr_packed", ".cpr_scale"
_ATTRIBUTE = "/.ATTRIBUTES/VARIABLE_VALUE"


def packed_names(name: str) -> tuple[str, str]:
    """What a weight's packed tensor and its scale are called in ``variables/``."""
    stem = name.removesuffix(_ATTRIBUTE)
    end = name[len(stem) :]
    return f"{stem}{_PACKED}{end}", f"{stem}{_SCALE}{end}"


def is_packed_name(name: str) -> bool:
    """Whether `packed_names` made it."""
    return name.removesuffix(_ATTRIBUTE).endswith((_PACKED, _SCALE))


def restored_names(meta_graph: Message) -> tuple[set[str], set[str]]:
    """The tensors that a MetaGraph restores: those that can be edited, and the others.

    A restore cannot be edited if its list of names is computed, or if it reads
    a slice of a tensor.
    """
    plain: set[str] = set()
    other: set[str] = set()
    for body in bodies(meta_graph):
        for _, names, slices in _restores(body):
            for name, part in zip(names, slices, strict=True):
                (other if _is_slice(part) else plain).add(name.decode())
    return plain - other, other


def has_opaque_restores(meta_graph: Message) -> bool:
    """Whether something is restored by names that cannot be read off the graph."""
    return any(
        node.op in ("Restore", "RestoreSlice")
        or (node.op == "RestoreV2" and not _parts(body, node))
        for body in bodies(meta_graph)
        for node in body.nodes
    )


def unpack_when_restored(meta_graph: Message, packed: Mapping[str, Packed]) -> None:
    """Have a MetaGraph restore the packed tensors and assign what they stand for."""
    for body in bodies(meta_graph):
        for node, names, slices in list(_restores(body)):
            if any(name.decode() in packed for name in names):
                _edit(body, node, names, slices, packed)


def unpack(
    body: Body, stored: str, scale: str, packed: Packed, *, name: str, device: str = ""
) -> str:
    """Append the nodes that unpack a tensor and return the reference to the result.

    `stored` and `scale` are references; `scale` is not looked at without one.
    """
    cast = body.add(
        "Cast",
        f"{name}/cast",
        [stored],
        device=device,
        types={"SrcT": packed.dtype, "DstT": packed.unpacked_dtype},
    )
    cast.attr["Truncate"].b = False
    whole = body.output(cast.name, "y")
    if not packed.scale:
        return whole
    scaled = body.add(
        "Mul", f"{name}/scaled", [whole, scale], device=device, types={"T": packed.unpacked_dtype}
    )
    return body.output(scaled.name, "z")


def _restores(body: Body) -> Iterator[tuple[Message, list[bytes], list[bytes]]]:
    for node in body.nodes:
        parts = _parts(body, node) if node.op == "RestoreV2" else None
        if parts:
            yield node, *parts


def _parts(body: Body, node: Message) -> tuple[list[bytes], list[bytes]] | None:
    names = constant_strings(body.find(node.input[1]))
    slices = constant_strings(body.find(node.input[2]))
    if names is None or slices is None or len(names) != len(slices):
        return None
    return names, slices


def _is_slice(part: bytes) -> bool:
    """Whether a slice is less than the whole: ``10 4 0,10:0,4`` is the whole."""
    if not part:
        return False
    *sizes, ranges = part.split()
    whole = b":".join(b"0," + size for size in sizes)
    return ranges not in (whole, b":".join([b"-"] * len(sizes)))


def _edit(
    body: Body,
    node: Message,
    names: list[bytes],
    slices: list[bytes],
    packed: Mapping[str, Packed],
) -> None:
    dtypes = node.attr["dtypes"].list.type
    for place, raw in enumerate(list(names)):
        name = raw.decode()
        one = packed.get(name)
        if one is None:
            continue
        packed_name, scale_name = packed_names(name)
        names[place], slices[place] = packed_name.encode(), b""
        dtypes[place] = one.dtype
        old = body.output(node.name, "tensors", place)
        scale = ""
        if one.scale:
            scale = body.output(node.name, "tensors", len(names))
            names.append(scale_name.encode())
            slices.append(b"")
            dtypes.append(one.unpacked_dtype)
        # The new nodes read the old output, so readers are moved before they are made.
        made = f"{node.name}/cpr_unpack_{place}"
        last, output = ("scaled", "z") if one.scale else ("cast", "y")
        body.redirect(old, body.output(f"{made}/{last}", output))
        unpack(body, old, scale, one, name=made, device=node.device)
    node.input[1] = body.with_strings(node.input[1], names, name=f"{node.name}/cpr_names")
    node.input[2] = body.with_strings(node.input[2], slices, name=f"{node.name}/cpr_slices")
    node.attr.pop("_output_shapes", None)
