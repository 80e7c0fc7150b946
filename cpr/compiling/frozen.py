"""A signature of a loaded model as one graph of constants, which converters take."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cpr.compiling.declined import Declined
from cpr.errors import CprError
from cpr.extras import import_extra
from cpr.runtimes.signatures import Signature
from cpr.runtimes.tf_functions import TfFunctions
from cpr.runtimes.tf_session import TfSession
from cpr.savedmodel.servable import SUPERVISED

# Ops that TensorFlow calls stateful although they answer alike each time.
_HARMLESS = {"Placeholder", "HashTableV2", "HashTable", "NoOp", "Assert"}
_HARMLESS |= {"PartitionedCall", "StatefulPartitionedCall", "If", "While", "LookupTableImportV2"}
_HARMLESS |= {"InitializeTableV2", "InitializeTableFromTextFileV2", "LookupTableFindV2"}
# Those of TensorFlow 1 that write to a reference variable, which it does not call stateful.
_WRITING = {"Assign", "AssignAdd", "AssignSub", "CountUpTo", "ScatterAdd", "ScatterUpdate"}
# The version of graphs since which a placeholder without sizes is a scalar.
_SCALARS_SINCE = 24


@dataclass(frozen=True)
class FrozenGraph:
    """A signature without variables.

    Attributes:
        graph: The GraphDef, its functions inlined.
        inputs: The tensors' names by alias.
        outputs: The same of the outputs.
        tables: Handles of lookup tables by the nodes that stand for them; those
            of a session's graph have nodes of their own.
    """

    graph: Any
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    tables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """What two signatures share that compute the same: a hash without names."""
        numbers: dict[str, str] = {
            name.partition(":")[0]: f"in:{alias}" for alias, name in self.inputs.items()
        }
        digest = hashlib.sha256()
        for node in self.graph.node:
            numbers.setdefault(node.name, str(len(numbers)))
        for node in self.graph.node:
            inputs = [_renamed(name, numbers) for name in node.input]
            attributes = {
                key: value.SerializeToString(deterministic=True)
                for key, value in node.attr.items()
                if not key.startswith("_") and key != "shared_name"
            }
            is_table = node.name in self.tables or ("Table" in node.op and not inputs)
            table = node.name if is_table else ""
            told = (numbers[node.name], node.op, inputs, sorted(attributes.items()), table)
            digest.update(repr(told).encode())
        ends = {alias: _renamed(name, numbers) for alias, name in sorted(self.outputs.items())}
        return digest.hexdigest() + repr(ends)


def freeze(
    tf: Any,
    runner: TfSession | TfFunctions,
    signature: Signature,
    load_functions: Callable[[], TfFunctions],
) -> FrozenGraph:
    """Freeze one signature, of a session's graph or else of TensorFlow 2's functions.

    Each way knows what the other does not: reference variables and odd shapes
    of TensorFlow 1 the one, gathering from a variable inside a function the other.

    Raises:
        Declined: It keeps state, draws random numbers, cannot be frozen, or is
            none that a server answers.
    """
    if signature.method.startswith(SUPERVISED):
        raise Declined("it trains or evaluates the model; only what predicts is compiled")
    convert = import_extra("tensorflow.python.framework.convert_to_constants", "tensorflow")
    for alias, spec in {**signature.inputs, **signature.outputs}.items():
        if not spec.name:
            raise Declined(f"{alias!r} is not a dense tensor")
    try:
        function = _function(tf, convert, runner, signature)
        frozen = convert.convert_variables_to_constants_v2(function, lower_control_flow=False)
    except (ValueError, KeyError, TypeError, tf.errors.OpError) as error:
        try:
            function = load_functions().function(signature)
            frozen = convert.convert_variables_to_constants_v2(function, lower_control_flow=False)
        except (CprError, ValueError, KeyError, TypeError, tf.errors.OpError) as second:
            # That TensorFlow 2 cannot load it either says nothing of the graph.
            told = [error] if isinstance(second, CprError) else [error, second]
            said = "; ".join(dict.fromkeys(map(_first_line, told)))
            raise Declined(f"the graph cannot be frozen: {said}") from error
    graph = frozen.graph.as_graph_def()
    _refuse_state(graph)
    fed = [tensor.name for tensor in frozen.inputs if tensor.dtype != tf.resource]
    fetched = [tensor.name for tensor in frozen.outputs]
    return FrozenGraph(
        graph,
        dict(zip(_in_order(function, signature.inputs, fed), fed, strict=True)),
        dict(zip(sorted(signature.outputs), fetched, strict=True)),
        {
            inner.name.partition(":")[0]: outer
            for outer, inner in function.graph.captures
            if inner.dtype == tf.resource
        },
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def wrapped(tf: Any, frozen: FrozenGraph) -> Any:
    """A frozen graph as a module with one signature, under the signature's own aliases."""
    names = list(frozen.inputs)

    def load() -> None:
        tf.graph_util.import_graph_def(frozen.graph, name="")

    imported = tf.compat.v1.wrap_function(load, [])
    graph = imported.graph
    fed = [graph.get_tensor_by_name(frozen.inputs[name]) for name in names]
    fetched = [graph.get_tensor_by_name(name) for name in frozen.outputs.values()]
    inner = imported.prune(fed, fetched)

    def call(**tensors: Any) -> dict[str, Any]:
        found = inner(*(tensors[name] for name in names))
        return dict(zip(frozen.outputs, found, strict=True))

    specs = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name=name)
        for name, tensor in zip(names, fed, strict=True)
    }
    module = tf.Module()
    module.inner = inner
    return module, tf.function(call).get_concrete_function(**specs)


def pruned(frozen: FrozenGraph) -> FrozenGraph:
    """What of a graph is between its inputs and its outputs."""
    util = import_extra("tensorflow.python.framework.graph_util_impl", "tensorflow")
    graph = type(frozen.graph)()
    graph.CopyFrom(frozen.graph)
    for node in graph.node:
        # Nothing has effects, so nothing need wait for anything.
        kept = [name for name in node.input if not name.startswith("^")]
        del node.input[:]
        node.input.extend(kept)
    ends = [*frozen.outputs.values(), *frozen.inputs.values()]
    nodes = list(dict.fromkeys(name.partition(":")[0] for name in ends))
    return replace(frozen, graph=util.extract_sub_graph(graph, nodes))


def _function(tf: Any, convert: Any, runner: TfSession | TfFunctions, signature: Signature) -> Any:
    """The signature as a concrete function: inputs and outputs in the order of their aliases."""
    if isinstance(runner, TfFunctions):
        return runner.function(signature)
    outputs = [signature.outputs[alias].name for alias in sorted(signature.outputs)]
    nodes = list(dict.fromkeys(name.partition(":")[0] for name in outputs))
    session, graph = runner.graph()
    constant = convert.convert_variables_to_constants_from_session_graph(
        session, graph.as_graph_def(add_shapes=True), nodes
    )
    _tell_unknown_shapes(constant)

    def load() -> None:
        tf.graph_util.import_graph_def(constant, name="")

    imported = tf.compat.v1.wrap_function(load, [])
    inputs = [signature.inputs[alias].name for alias in sorted(signature.inputs)]
    for name in inputs:
        _placeholder(imported.graph, name, signature)
    lifting = import_extra("tensorflow.python.eager.lift_to_graph", "tensorflow")
    try:
        return imported.prune(
            [imported.graph.get_tensor_by_name(name) for name in inputs],
            [imported.graph.get_tensor_by_name(name) for name in outputs],
        )
    except lifting.UnliftableError as error:
        raise Declined("an output depends on a placeholder that is none of its inputs") from error


def _tell_unknown_shapes(graph: Any) -> None:
    """Say of the shapes that old exporters left empty that they are unknown, as was meant."""
    if graph.versions.producer < _SCALARS_SINCE:
        for node in graph.node:
            if node.op == "Placeholder" and not node.attr["shape"].shape.dim:
                node.attr["shape"].shape.unknown_rank = True


def _placeholder(graph: Any, name: str, signature: Signature) -> None:
    try:
        graph.get_tensor_by_name(name)
    except KeyError as error:
        raise Declined(f"no output depends on the input {name.partition(':')[0]!r}") from error


def _in_order(function: Any, inputs: Mapping[str, Any], fed: list[str]) -> list[str]:
    """The aliases of a function's inputs, in its order."""
    signature = function.structured_input_signature
    named = [name for name in signature[1] if name in inputs] if signature else []
    return named if len(named) == len(fed) else sorted(inputs)


def _refuse_state(graph: Any) -> None:
    registry = import_extra("tensorflow.python.framework.op_def_registry", "tensorflow")
    for node in all_nodes(graph):
        known = registry.get(node.op)
        if known is None:
            raise Declined(f"TensorFlow does not know the op {node.op}")
        if node.op in _WRITING or (known.is_stateful and node.op not in _HARMLESS):
            if node.op.startswith("LookupTable"):
                raise Declined(f"it uses its vocabulary for more than looking up: {node.op}")
            raise Declined(f"it keeps state or draws random numbers: {node.op}")


def all_nodes(graph: Any) -> Iterator[Any]:
    """The nodes of a graph and of the functions that they call."""
    bodies = {function.signature.name: function.node_def for function in graph.library.function}
    pending, seen = [graph.node], set[str]()
    while pending:
        for node in pending.pop():
            yield node
            for value in node.attr.values():
                for name in [value.func.name, *(item.name for item in value.list.func)]:
                    if name in bodies and name not in seen:
                        seen.add(name)
                        pending.append(bodies[name])


def _renamed(name: str, numbers: Mapping[str, str]) -> str:
    is_control = name.startswith("^")
    node, _, port = name.lstrip("^").partition(":")
    return f"{'^' * is_control}{numbers[node]}:{port or '0'}"
