"""Makes TensorFlow 2 functions of the signatures of a TF1 graph.

Each function holds only the nodes that its outputs need. What it reads,
variables with the values they have in the session, tables and assets, becomes
objects of TensorFlow 2, so that the export has no initializer of TF1 that
would hold on to more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cpr.errors import LoadError
from cpr.savedmodel.migrating.graph_cut import full_name, tensor_of
from cpr.savedmodel.migrating.graph_questions import is_handle
from cpr.savedmodel.migrating.model import V1Model, V1Signature
from cpr.savedmodel.migrating.objects import FoundObjects
from cpr.savedmodel.migrating.parts import Part
from cpr.savedmodel.migrating.resources import importing

_WRITERS = ("Assign", "ResourceScatter", "ResourceCountUpTo", "LookupTableInsert")
_PIPELINES = ("Iterator", "Queue", "Reader", "Dataset", "Barrier", "StagingArea")


@dataclass(frozen=True)
class Rebuilt:
    """What became of a V1Model.

    Attributes:
        calls: Functions of positional tensors, by signature.
        specs: A `tf.TensorSpec` for each input, by signature.
        module: Holds the variables, tables and assets that the functions read.
        changing: The signatures that read or write what one of them changes.
    """

    calls: Mapping[str, Callable[..., list[Any]]]
    specs: Mapping[str, Mapping[str, Any]]
    module: Any
    changing: frozenset[str]


def rebuild(tf: Any, model: V1Model) -> Rebuilt:
    """Rebuild every signature of a model.

    Raises:
        LoadError: A signature needs what is not fed, an input pipeline, or a
            variable without a value.
    """
    graph = model.session.graph
    definition = graph.as_graph_def()
    parts = {name: Part.of(graph, definition, s) for name, s in model.signatures.items()}
    for name, part in parts.items():
        _check(graph, part, name, model)
    nodes = {node.name: node for part in parts.values() for node in part.graph.node}
    others = [n for n in nodes.values() if is_handle(graph, n) and n.op != "VarHandleOp"]
    found = FoundObjects(tf, model, definition)
    fills = found.fills({node.name for node in others})
    nodes |= found.nodes_of(fills)
    module = tf.Module()
    module.migrated_variables = found.variables(
        [n for n in nodes.values() if n.op == "VarHandleOp"]
    )
    module.migrated_assets = found.assets(nodes, fills)
    module.migrated_tables = found.tables(others, fills)
    specs = {name: _specs(tf, graph, s) for name, s in model.signatures.items()}
    calls = _calls(tf, model, parts, specs, found.values)
    written = {name for part in parts.values() for name in _written(part)}
    changing = {
        name for name, part in parts.items() if written & {node.name for node in part.graph.node}
    }
    return Rebuilt(calls, specs, module, frozenset(changing))


def _calls(
    tf: Any,
    model: V1Model,
    parts: Mapping[str, Part],
    specs: Mapping[str, Mapping[str, Any]],
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """A function for each signature; those that run the same share one."""
    made: dict[tuple[tuple[str, ...], ...], Any] = {}
    calls = {}
    for name, part in parts.items():
        fed = list(model.signatures[name].inputs.values())
        key = (tuple(fed), tuple(part.outputs))
        if key not in made:
            typed = zip(fed, specs[name].values(), strict=True)
            made[key] = importing(tf, part.graph, part.outputs, values, *typed)
        calls[name] = made[key]
    return calls


def _written(part: Part) -> set[str]:
    """The variables and tables that running the part changes."""
    nodes = {node.name: node for node in part.graph.node}
    found = set()
    for node in part.graph.node:
        if not node.op.startswith(_WRITERS):
            continue
        # A handle may come through the switches of a branch.
        while node.input:
            node = nodes[tensor_of(node.input[0])[0]]
        found.add(node.name)
    return found


def _specs(tf: Any, graph: Any, signature: V1Signature) -> dict[str, Any]:
    tensors = {alias: graph.get_tensor_by_name(name) for alias, name in signature.inputs.items()}
    return {
        alias: tf.TensorSpec(tensor.shape, tensor.dtype.base_dtype, name=None)
        for alias, tensor in tensors.items()
    }


def _check(graph: Any, part: Part, name: str, model: V1Model) -> None:
    fed = {tensor.partition(":")[0] for tensor in model.signatures[name].inputs.values()}
    for node in part.graph.node:
        if node.op == "Placeholder" and node.name not in fed:
            raise LoadError(
                f"{model.source}: signature {name!r} needs the placeholder {node.name!r}, "
                "which is none of its inputs.",
                hint=f"Make {full_name(node.name)!r} an input, or choose other outputs.",
            )
        if is_handle(graph, node) and any(word in node.op for word in _PIPELINES):
            raise LoadError(
                f"{model.source}: signature {name!r} reads training data, from "
                f"{node.name!r} ({node.op}).",
                hint="Make the tensors that the input pipeline gives the inputs of the signature.",
            )
