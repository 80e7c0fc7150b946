"""Rewrites that spare converters an op that they do not know."""

from __future__ import annotations

from typing import Any


def without_erfc(graph: Any) -> Any:
    """A copy of a GraphDef with 1 - Erf(x) for Erfc(x), which tf2onnx and ONNX lack.

    It is in every exact GELU, so in most transformers.
    """
    copy = type(graph)()
    copy.CopyFrom(graph)
    for node in [node for node in copy.node if node.op == "Erfc"]:
        dtype = node.attr["T"].type
        one, erf = copy.node.add(), copy.node.add()
        one.name, one.op = f"{node.name}/one", "Const"
        one.attr["dtype"].type = dtype
        tensor = one.attr["value"].tensor
        tensor.dtype = dtype
        tensor.tensor_shape.SetInParent()
        values = {1: tensor.float_val, 2: tensor.double_val}.get(dtype)
        if values is None:
            copy.node.remove(one)
            copy.node.remove(erf)
            continue
        values.append(1.0)
        erf.name, erf.op = f"{node.name}/erf", "Erf"
        erf.attr["T"].type = dtype
        erf.input.append(node.input[0])
        node.op = "Sub"
        del node.input[:]
        node.input.extend([one.name, erf.name])
    return copy
