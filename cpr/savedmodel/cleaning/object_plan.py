"""Finds what of TensorFlow 2's graph of objects some signatures need.

``tf.saved_model.load`` makes objects from it: the signatures, functions that the
root object offers besides them, what they capture, and what leads there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from cpr.savedmodel import protos
from cpr.savedmodel.reach import reach
from cpr.savedmodel.restores import Unclear
from cpr.savedmodel.trackables import names_of, same_objects

_SIGNATURES = "signatures"
LIST = "trackable_list_wrapper"
_CONTAINERS = {LIST, "trackable_dict_wrapper", "trackable_tuple_wrapper"}
# What Keras 2 gives a model for training; none of it is called by name.
_KERAS_TRAINING = "call_and_return_"


@dataclass(frozen=True)
class ObjectPlan:
    """What stays of the graph of objects.

    Attributes:
        kept: The numbers of the objects, ascending.
        twins: The same objects in the bundle's graph, by number.
        functions: The concrete functions.
        nodes: Nodes of the graph that objects refer to: constants, assets.
        keys: The names in ``variables/`` of the objects' values.
    """

    kept: tuple[int, ...]
    twins: dict[int, int]
    functions: frozenset[str]
    nodes: frozenset[str]
    keys: frozenset[str]


def plan_objects(
    meta_graph: protos.Message,
    trackables: protos.Message,
    signatures: Collection[str],
    names: Collection[str],
) -> ObjectPlan:
    """What has to stay for some signatures.

    Args:
        meta_graph: The graph with the objects; it is only read.
        trackables: The bundle's graph of objects.
        signatures: The names of the signatures.
        names: The names in the bundle's index.

    Raises:
        Unclear: The two graphs of objects do not fit, or a class of the user saves
            itself in its own way.
    """
    objects = meta_graph.object_graph_def
    _check_numbers(objects)
    kept, before = _needed(objects, signatures), set[int]()
    while kept != before:
        kept, before = _with_gradients(meta_graph, _with_ways(objects, kept)), kept
    kept |= _whole_containers(objects, kept)
    twins = {
        here: there for here, there in same_objects(objects, trackables).items() if here in kept
    }
    keys: set[str] = set()
    for here, there in twins.items():
        twin = trackables.nodes[there]
        if twin.registered_saver.name:
            raise Unclear(
                f"object {here} is saved by {twin.registered_saver.name!r}, in its own way"
            )
        keys.update(
            name for item in twin.attributes for name in names_of(item.checkpoint_key, names)
        )
    variables = {here for here in kept if objects.nodes[here].WhichOneof("kind") == "variable"}
    if lost := variables - set(twins):
        raise Unclear(f"object {min(lost)}, a variable, is not in the bundle's graph of objects")
    functions = frozenset(_reached_functions(meta_graph, kept))
    return ObjectPlan(
        tuple(sorted(kept)), twins, functions, frozenset(_graph_nodes(meta_graph, kept)),
        frozenset(keys),
    )  # fmt: skip


def _check_numbers(objects: protos.Message) -> None:
    count = len(objects.nodes)
    numbers = [bound for item in objects.concrete_functions.values() for bound in item.bound_inputs]
    for node in objects.nodes:
        numbers += [child.node_id for child in (*node.children, *node.dependencies)]
        for item in node.saveable_objects.values():
            numbers += [item.save_function, item.restore_function]
    if not count or any(not 0 <= number < count for number in numbers):
        raise Unclear("the graph of objects names objects that are not there")


def _functions(node: protos.Message) -> list[str]:
    kind = node.WhichOneof("kind")
    if kind == "function":
        return list(node.function.concrete_functions)
    if kind == "bare_concrete_function":
        return [node.bare_concrete_function.concrete_function_name]
    if kind == "captured_tensor":
        return [node.captured_tensor.concrete_function]
    return []


def _needed(objects: protos.Message, signatures: Collection[str]) -> set[int]:
    """The root, the signatures, the root's functions, and what they take along."""
    children = {child.local_name: child.node_id for child in objects.nodes[0].children}
    start = {0}
    offered = {
        name: number
        for name, number in children.items()
        if objects.nodes[number].WhichOneof("kind") == "function"
        and (name == "__call__" or not name.startswith(("_", _KERAS_TRAINING)))
    }
    if _SIGNATURES in children:
        table = objects.nodes[children[_SIGNATURES]]
        start |= {children[_SIGNATURES]}
        start |= {item.node_id for item in table.children if item.local_name in signatures}
    kept = _with_fillers(objects, _closure(objects, start - {0, children.get(_SIGNATURES, 0)}))
    state = _state(objects, kept)
    for number in offered.values():
        more = _closure(objects, {number})
        # Without signatures, the functions are what there is to call.
        if not signatures or _state(objects, more) <= state:
            kept |= more
    return _with_fillers(objects, kept) | start


def _with_gradients(meta_graph: protos.Message, kept: set[int]) -> set[int]:
    """With what functions capture that no object is, as gradients of the user's own."""
    objects = meta_graph.object_graph_def
    while True:
        captured = {
            bound
            for name in _reached_functions(meta_graph, kept)
            for bound in objects.concrete_functions[name].bound_inputs
        }
        if captured <= kept:
            return kept
        kept = kept | _closure(objects, captured)


def _reached_functions(meta_graph: protos.Message, kept: Collection[int]) -> set[str]:
    """The concrete functions that objects are, and those that these call."""
    objects = meta_graph.object_graph_def
    own = {name for here in kept for name in _functions(objects.nodes[here])}
    return own | (reach(meta_graph, (), functions=own).functions & set(objects.concrete_functions))


def _closure(objects: protos.Message, start: Collection[int]) -> set[int]:
    """What objects take along: their children, and what their functions capture."""
    seen: set[int] = set()
    waiting = list(start)
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        node = objects.nodes[here]
        waiting += [child.node_id for child in node.children]
        waiting += [child.node_id for child in node.dependencies]
        for item in node.saveable_objects.values():
            waiting += [item.save_function, item.restore_function]
        for name in _functions(node):
            if name not in objects.concrete_functions:
                raise Unclear(f"object {here} is the function {name!r}, which is not there")
            waiting += list(objects.concrete_functions[name].bound_inputs)
    return seen


def _state(objects: protos.Message, numbers: Collection[int]) -> set[int]:
    """Those objects that are variables, tables or the like."""
    return {
        here
        for here in numbers
        if objects.nodes[here].WhichOneof("kind") in ("variable", "resource")
    }


def _with_fillers(objects: protos.Message, kept: set[int]) -> set[int]:
    """With the resources whose initializers write what is kept, as packed weights do."""
    while True:
        state = _state(objects, kept)
        fillers = {
            here
            for here, node in enumerate(objects.nodes)
            if here not in kept
            and node.WhichOneof("kind") == "resource"
            and not state.isdisjoint(_bound(objects, node))
        }
        if not fillers:
            return kept
        kept = kept | _closure(objects, fillers)


def _bound(objects: protos.Message, resource: protos.Message) -> Iterator[int]:
    for child in resource.children:
        if child.local_name == "_initialize":
            for name in _functions(objects.nodes[child.node_id]):
                # Looked up only if it is there: a map of messages makes what it is asked for.
                if name in objects.concrete_functions:
                    yield from objects.concrete_functions[name].bound_inputs


def _with_ways(objects: protos.Message, kept: set[int]) -> set[int]:
    """With the objects by which those that are kept are found from the root."""
    while True:
        parents = _parents(objects, kept)
        found = {0}
        for here in kept:
            while here in parents and here not in found:
                found.add(here)
                here = parents[here]
        found |= kept
        more = {here for here in found - kept if _functions(objects.nodes[here])}
        if not more:
            return found
        # A function on the way is only whole with what it captures.
        kept = found | _closure(objects, more)


def _parents(objects: protos.Message, kept: set[int]) -> dict[int, int]:
    """A parent of each object, on ways from the root that take along as little as can be."""
    parents = {0: 0}
    reached: set[int] = set()
    waiting = deque([(0, 0)])
    while waiting:
        here, parent = waiting.popleft()
        if here in reached:
            continue
        reached.add(here)
        parents[here] = parent
        for child in objects.nodes[here].children:
            if child.node_id in kept:
                waiting.appendleft((child.node_id, here))
            else:
                waiting.append((child.node_id, here))
    return parents


def _whole_containers(objects: protos.Message, kept: Collection[int]) -> set[int]:
    """The root's lists and dictionaries of which everything is kept."""
    return {
        child.node_id
        for child in objects.nodes[0].children
        if (node := objects.nodes[child.node_id]).user_object.identifier in _CONTAINERS
        and node.children
        and all(item.node_id in kept for item in node.children)
    }


def _graph_nodes(meta_graph: protos.Message, kept: Collection[int]) -> Iterator[str]:
    there = {node.name for node in meta_graph.graph_def.node}
    for here in kept:
        node = meta_graph.object_graph_def.nodes[here]
        if node.WhichOneof("kind") == "constant":
            yield node.constant.operation
        elif node.WhichOneof("kind") == "asset":
            place = node.asset.asset_file_def_index
            if not 0 <= place < len(meta_graph.asset_file_def):
                raise Unclear(f"object {here} is asset {place}, which is not there")
            name = meta_graph.asset_file_def[place].tensor_info.name.partition(":")[0]
            if name not in there:
                raise Unclear(f"object {here} is asset {place}, whose tensor is not there")
            yield name
