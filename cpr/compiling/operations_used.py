"""The operations that a signature runs, before anything is made of it."""

from __future__ import annotations

from typing import Any

from cpr.compiling.declined import Declined
from cpr.compiling.frozen import all_nodes
from cpr.runtimes.signatures import Signature
from cpr.runtimes.tf_functions import TfFunctions
from cpr.runtimes.tf_session import TfSession

EXAMPLES = {"ParseExample", "ParseExampleV2", "ParseSingleExample"}
_HOLDING = {
    "VarHandleOp",
    "VariableV2",
    "Variable",
    "MutableHashTableV2",
    "MutableDenseHashTableV2",
}
# They change what another signature may read, or are random, which changes nothing.
_WRITING = (
    "Assign", "Scatter", "ResourceScatter", "ResourceApply", "ResourceSparseApply", "Apply",
    "ResourceCountUpTo", "CountUpTo", "LookupTableInsert", "LookupTableRemove", "Queue", "Stack",
)  # fmt: skip


def operations_used(tf: Any, runner: TfSession | TfFunctions, signature: Signature) -> set[str]:
    """The operations between the inputs and the outputs of a signature, functions included."""
    if isinstance(runner, TfFunctions):
        definition = runner.function(signature).graph.as_graph_def()
        return {node.op for node in all_nodes(definition)}
    _, graph = runner.graph()
    inputs = {spec.name for spec in signature.inputs.values()}
    outputs = {spec.name for spec in signature.outputs.values() if spec.name}
    # What an input is made of does not run: TensorFlow 1 let parsed records be fed themselves.
    pending = [graph.get_tensor_by_name(name).op for name in outputs - inputs]
    seen = set(pending)
    while pending:
        op = pending.pop()
        before = {one.op for one in op.inputs if one.name not in inputs} | set(op.control_inputs)
        pending += before - seen
        seen |= before
    used = tf.compat.v1.GraphDef(library=graph.as_graph_def().library)
    used.node.extend(op.node_def for op in seen)
    return {node.op for node in all_nodes(used)}


def refuse_operations(used: dict[str, set[str]], name: str) -> None:
    """Refuse a signature for what it, or another one of the model, does.

    Args:
        used: The operations of each signature.
        name: Of the signature.

    Raises:
        Declined: It keeps state, or reads what another one may have changed.
    """
    writing = {one: found for one, ops in used.items() if (found := _writing(ops))}
    if name in writing:
        raise Declined(f"it keeps state: {', '.join(sorted(writing[name]))}")
    if writing and used[name] & _HOLDING:
        raise Declined(f"it reads state, which {', '.join(sorted(writing))} may change")


def _writing(ops: set[str]) -> set[str]:
    return {op for op in ops if op.startswith(_WRITING)}
