"""Splits off the texts that a signature answers with: names of classes, mostly.

They are the same for each instance, or stand for numbers that the graph has
computed. So any runtime can answer the numbers, and the texts are put in their
place afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cpr.compiling.constants import constant
from cpr.compiling.declined import Declined
from cpr.compiling.frozen import FrozenGraph, pruned
from cpr.compiling.text_split import read_table
from cpr.runtimes.signatures import Signature

# What the record holds of texts, and the tensor that they stand for; None for none.
_Found = tuple[dict[str, Any], str | None]
# AsString writes a whole number's digits only with these.
_PLAIN: Mapping[str, Any] = {"fill": b"", "width": -1, "precision": -1, "scientific": False}


def split_answers(
    tf: Any, runner: Any, signature: Signature, frozen: FrozenGraph
) -> tuple[FrozenGraph, dict[str, dict[str, Any]]]:
    """The graph without its outputs of text, and what the record holds of each of these.

    Args:
        tf: TensorFlow.
        runner: What has loaded the model, with its tables.
        signature: Of the model.
        frozen: The same as a graph.

    Raises:
        Declined: They are made in ways that are not known here.
    """
    texts = [alias for alias, spec in signature.outputs.items() if spec.dtype == "string"]
    if not texts:
        return frozen, {}
    writers, outputs = {}, dict(frozen.outputs)
    for alias in texts:
        writers[alias], tensor = _read(tf, runner, frozen, alias)
        if tensor is None:
            del outputs[alias]
        else:
            outputs[alias] = tensor if ":" in tensor else f"{tensor}:0"
    if not outputs:
        raise Declined("all that it answers is constant")
    return pruned(replace(frozen, outputs=outputs)), writers


def _read(tf: Any, runner: Any, frozen: FrozenGraph, alias: str) -> _Found:
    """What makes the texts of an output."""
    nodes = {node.name: node for node in frozen.graph.node}
    node = nodes[_node(frozen.outputs[alias])]
    while node.op == "Identity":
        node = nodes[_node(node.input[0])]
    inputs = [name for name in node.input if not name.startswith("^")]
    found = None
    if node.op == "Tile":
        found = _repeated(tf, frozen, nodes, inputs)
    elif node.op == "AsString" and _is_plain(tf, node):
        found = {"digits": True}, inputs[0]
    elif node.op == "LookupTableFindV2" and node.attr["Tin"].type == tf.int64.as_datatype_enum:
        found = _looked_up(tf, runner, frozen, inputs)
    elif node.op == "GatherV2":
        found = _picked(tf, frozen, node, inputs)
    if found is None:
        raise Declined(
            f"it answers {alias!r} with text that {node.op} makes, of which no other runtime knows "
            "enough; export a signature beside it without that, and that is compiled"
        )
    return found


def _repeated(
    tf: Any, frozen: FrozenGraph, nodes: Mapping[str, Any], inputs: list[str]
) -> _Found | None:
    """One row of constants, over and over; that it is once an instance, comparing will show."""
    row = constant(tf, frozen.graph, inputs[0])
    times = nodes[_node(inputs[1])]
    if row is None or row.ndim == 0 or len(row) != 1 or times.op != "Pack":
        return None
    factors = [constant(tf, frozen.graph, name) for name in times.input[1 : row.ndim]]
    if any(factor is None or factor != 1 for factor in factors):
        return None
    return {"row": _decoded(row[0])}, None


def _looked_up(tf: Any, runner: Any, frozen: FrozenGraph, inputs: list[str]) -> _Found | None:
    default = constant(tf, frozen.graph, inputs[2])
    if default is None:
        return None
    nodes = {node.name: node for node in frozen.graph.node}
    table = nodes[_node(inputs[0])]
    while table.op == "Identity":
        table = nodes[_node(table.input[0])]
    numbers, words = read_table(tf, runner, frozen, table.name, tf.int64, tf.string)
    told = {"numbers": numbers.tolist(), "words": _decoded(words), "default": _decoded(default)}
    return told, inputs[1]


def _picked(tf: Any, frozen: FrozenGraph, node: Any, inputs: list[str]) -> _Found | None:
    """Words at places that the graph has computed."""
    words, axis = (constant(tf, frozen.graph, inputs[place]) for place in (0, 2))
    if words is None or words.ndim != 1 or axis != 0 or node.attr["batch_dims"].i:
        return None
    told = {"numbers": list(range(len(words))), "words": _decoded(words), "default": None}
    return told, inputs[1]


def _is_plain(tf: Any, node: Any) -> bool:
    if not tf.as_dtype(node.attr["T"].type).is_integer:
        return False
    told = {"fill": node.attr["fill"].s, "scientific": node.attr["scientific"].b}
    for key in ("width", "precision"):
        told[key] = node.attr[key].i if key in node.attr else -1
    return told == _PLAIN


def _decoded(texts: Any) -> Any:
    """Lists of texts, as JSON holds them."""
    try:
        return np.vectorize(bytes.decode, otypes=[object])(texts).tolist()
    except UnicodeDecodeError as error:
        raise Declined("it answers with bytes that are not UTF-8") from error


def _node(name: str) -> str:
    return name.partition(":")[0]
