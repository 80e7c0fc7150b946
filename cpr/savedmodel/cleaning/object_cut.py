"""Leaves of TensorFlow 2's graphs of objects what a plan keeps."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from cpr.savedmodel import protos
from cpr.savedmodel.cleaning.graph_cut import drop
from cpr.savedmodel.cleaning.object_plan import LIST, ObjectPlan

_KERAS = "_tf_keras_"
_NUMBER = re.compile(r"[0-9]{1,9}")


def cut_objects(
    meta_graph: protos.Message, trackables: protos.Message, plan: ObjectPlan
) -> protos.Message:
    """Leave what the plan keeps; the bundle's graph of objects is returned, cut alike."""
    objects = meta_graph.object_graph_def
    items = _list_items(objects, plan.kept)
    for name in [name for name in objects.concrete_functions if name not in plan.functions]:
        del objects.concrete_functions[name]
    _cut_nodes(
        objects, {old: new for new, old in enumerate(plan.kept)}, lambda here: items.get(here, {})
    )
    for node in objects.nodes:
        if node.user_object.identifier.startswith(_KERAS):
            # Keras would look for its layers, by numbers that were others.
            node.user_object.identifier = "_generic_user_object"
            node.user_object.metadata = ""
    others = sorted(set(plan.twins.values()))
    made = protos.TrackableObjectGraph()
    made.CopyFrom(trackables)
    back = {there: here for here, there in plan.twins.items()}
    _cut_nodes(
        made, {old: new for new, old in enumerate(others)}, lambda there: items.get(back[there], {})
    )
    return made


def _list_items(objects: protos.Message, kept: Collection[int]) -> dict[int, dict[str, str]]:
    """The new names of the items of lists, so that they count on without gaps."""
    found = {}
    stays = set(kept)
    for here in kept:
        node = objects.nodes[here]
        if node.user_object.identifier == LIST:
            names = [
                child.local_name
                for child in node.children
                if child.node_id in stays and _NUMBER.fullmatch(child.local_name)
            ]
            found[here] = {old: str(new) for new, old in enumerate(sorted(names, key=int))}
    return found


def _cut_nodes(
    graph: protos.Message, places: dict[int, int], items: Callable[[int], dict[str, str]]
) -> None:
    """Leave some nodes of either graph of objects, and renumber what refers to them."""
    for old in places:
        node = graph.nodes[old]
        renamed = items(old)
        for references in (node.children, getattr(node, "dependencies", [])):
            drop(references, lambda item: item.node_id not in places)
            for item in references:
                item.node_id = places[item.node_id]
                item.local_name = renamed.get(item.local_name, item.local_name)
        drop(
            node.slot_variables,
            lambda item: (
                not {item.original_variable_node_id, item.slot_variable_node_id} <= places.keys()
            ),
        )
        for item in node.slot_variables:
            item.original_variable_node_id = places[item.original_variable_node_id]
            item.slot_variable_node_id = places[item.slot_variable_node_id]
        for item in getattr(node, "saveable_objects", {}).values():
            item.save_function = places[item.save_function]
            item.restore_function = places[item.restore_function]
    for function in getattr(graph, "concrete_functions", {}).values():
        function.bound_inputs[:] = [places[number] for number in function.bound_inputs]
    for old in reversed(range(len(graph.nodes))):
        if old not in places:
            del graph.nodes[old]
